import type { IncomingHttpHeaders } from "node:http";
import { ApiError } from "../api/error.ts";
import { repeatedFields } from "../base/repeated_fields.ts";
import { readYaml } from "../base/yaml.ts";
import { PROTOBUF, readProtobuf } from "./protobuf.ts";

const JSON_TYPES: ReadonlySet<string> = new Set([
  "",
  "application/json",
  "application/merge-patch+json",
  "application/json-patch+json",
  "application/strategic-merge-patch+json",
  // What curl sends when nobody says otherwise; our bodies are never forms.
  "application/x-www-form-urlencoded",
]);
const YAML_TYPES: ReadonlySet<string> = new Set([
  "application/yaml",
  "application/x-yaml",
  "application/apply-patch+yaml",
]);

/** Objects and lists within each other. Our kinds need a dozen; recursion takes some thousands. */
const DEPTH_MAX = 100;

/** "application/json; charset=utf-8" is "application/json". */
export function mediaType({ "content-type": type = "" }: IncomingHttpHeaders): string {
  return (type.split(";")[0] ?? "").trim().toLowerCase();
}

/** What a body says, as JSON or YAML. Nothing when there is none. Throws what to send instead. */
export function readBody(headers: IncomingHttpHeaders, body: Buffer): unknown {
  return readSent(headers, body).value;
}

export interface Sent {
  readonly value: unknown;
  /** The paths of what JSON says more than once. In YAML that is refused in any case. */
  readonly repeated: readonly string[];
}

const NOTHING: Sent = { value: undefined, repeated: [] };

/** What a body says, and what of it more than once; all as above. */
export function readSent(headers: IncomingHttpHeaders, body: Buffer): Sent {
  if (body.length === 0) return NOTHING;
  const type = mediaType(headers);
  if (type === PROTOBUF) return { value: readProtobuf(body), repeated: [] };
  const isYaml = YAML_TYPES.has(type);
  if (!isYaml && !JSON_TYPES.has(type)) {
    const known = "application/json and application/yaml are read here";
    throw new ApiError("UnsupportedMediaType", `the body is of the type "${type}"; ${known}`);
  }
  const text = body.toString("utf8");
  const value = parsed(text, isYaml);
  const keys = keysWithin(value, DEPTH_MAX);
  if (keys === TOO_DEEP) {
    const rule = `objects and lists may stand ${DEPTH_MAX} deep in each other`;
    throw new ApiError("BadRequest", `the body cannot be read: ${rule}, and these stand deeper`);
  }
  // Where as many are said as are there, none is said twice, and nobody has to look which. V8 may
  // have a key twice itself that is spelled in two ways, so not where anything is escaped.
  const isEachOnce = isYaml || (!text.includes("\\") && keysSaid(text) === keys);
  return { value, repeated: isEachOnce ? [] : repeatedFields(text) };
}

function parsed(text: string, isYaml: boolean): unknown {
  try {
    return isYaml ? readYaml(text) : JSON.parse(text);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ApiError("BadRequest", `the body cannot be read: ${why}`, { cause: thrown });
  }
}

const TOO_DEEP = -1;

/** How many keys all objects in it have; `TOO_DEEP` when they stand deeper in each other. */
function keysWithin(value: unknown, depth: number): number {
  if (depth < 0) return TOO_DEEP;
  if (typeof value !== "object" || value === null) return 0;
  const inner = Array.isArray(value) ? value : Object.values(value);
  let count = Array.isArray(value) ? 0 : inner.length;
  for (const one of inner) {
    const more = keysWithin(one, depth - 1);
    if (more === TOO_DEEP) return TOO_DEEP;
    count += more;
  }
  return count;
}

/** How many keys a JSON text has in which nothing is escaped: as many as colons behind a quote. */
function keysSaid(text: string): number {
  let count = 0;
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) {
    let before = at - 1;
    while (isBlank(text.charCodeAt(before))) before -= 1;
    if (text[before] === '"') count += 1;
  }
  return count;
}

function isBlank(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}
