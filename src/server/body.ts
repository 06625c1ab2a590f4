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
  if (body.length === 0) return undefined;
  const type = mediaType(headers);
  if (type === PROTOBUF) return readProtobuf(body);
  const isYaml = YAML_TYPES.has(type);
  if (!isYaml && !JSON_TYPES.has(type)) {
    const known = "application/json and application/yaml are read here";
    throw new ApiError("UnsupportedMediaType", `the body is of the type "${type}"; ${known}`);
  }
  const value = parsed(body.toString("utf8"), isYaml);
  if (isDeeperThan(DEPTH_MAX, value)) {
    const rule = `objects and lists may stand ${DEPTH_MAX} deep in each other`;
    throw new ApiError("BadRequest", `the body cannot be read: ${rule}, and these stand deeper`);
  }
  return value;
}

/** The paths of what a body in JSON says more than once. In YAML that is refused in any case. */
export function repeatedIn(headers: IncomingHttpHeaders, body: Buffer): readonly string[] {
  const isJson = body.length > 0 && JSON_TYPES.has(mediaType(headers));
  return isJson ? repeatedFields(body.toString("utf8")) : [];
}

function parsed(text: string, isYaml: boolean): unknown {
  try {
    return isYaml ? readYaml(text) : JSON.parse(text);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ApiError("BadRequest", `the body cannot be read: ${why}`, { cause: thrown });
  }
}

/** Level by level, for recursion is what must not be overtaxed. */
function isDeeperThan(depth: number, value: unknown): boolean {
  let level = [value];
  for (let left = depth; left >= 0; left -= 1) {
    level = level.flatMap((it) => (typeof it === "object" && it !== null ? Object.values(it) : []));
    if (level.length === 0) return false;
  }
  return true;
}
