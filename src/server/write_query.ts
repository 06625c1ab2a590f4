import { ApiError } from "../api/error.ts";
import type { Call } from "../base/call.ts";
import type { WriteRequest } from "./admit.ts";
import { mediaType } from "./body.ts";
import type { Caller } from "./context.ts";
import type { PatchType } from "./patch_resource.ts";
import { isTrue } from "./query.ts";

/** A write as it was asked for, and what its writer is told beside the answer. */
export interface Written {
  readonly request: WriteRequest;
  readonly warnings: readonly string[];
}

/** What the query of a write says. Throws `BadRequest` for what no write knows. */
export function writeOf(call: Call, caller: Caller): Written {
  const { query } = call;
  const dryRun = query.getAll("dryRun");
  const wrong = dryRun.find((it) => it !== "All");
  if (wrong !== undefined) {
    throw new ApiError("BadRequest", `dryRun: Unsupported value: "${wrong}": must be "All"`);
  }
  const fieldValidation = query.get("fieldValidation") || "Warn";
  if (!isFieldValidation(fieldValidation)) {
    const known = '"Ignore", "Warn" or "Strict"';
    throw new ApiError("BadRequest", `fieldValidation: must be ${known}, is "${fieldValidation}"`);
  }
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const fieldManager = managerOf(call);
  const isDryRun = dryRun.length > 0;
  return { request: { caller, isDryRun, fieldValidation, warn, fieldManager }, warnings };
}

function isFieldValidation(text: string): text is "Ignore" | "Warn" | "Strict" {
  return ["Ignore", "Warn", "Strict"].includes(text);
}

const MANAGER_CHARS_MAX = 128;

/** Who owns what is written: what the query says, or else the program that asks. */
function managerOf({ query, headers }: Call): string {
  const said = query.get("fieldManager") ?? "";
  if (said === "") return programIn(headers["user-agent"]);
  if (said.length > MANAGER_CHARS_MAX) {
    const rule = `may not be longer than ${MANAGER_CHARS_MAX} characters, has ${said.length}`;
    throw new ApiError("BadRequest", `fieldManager: Too long: ${rule}`);
  }
  if (/^[\x20-\x7e\u00a1-\uffff]+$/u.test(said)) return said;
  throw new ApiError("BadRequest", "fieldManager: Invalid value: should only have printable ones");
}

let last = { userAgent: "", program: "unknown" };

/** "kubectl/v1.32.4 (linux/amd64)" is "kubectl", as Kubernetes has it. */
function programIn(userAgent = ""): string {
  // Requests of one program come in a row.
  if (userAgent !== last.userAgent) last = { userAgent, program: programOf(userAgent) };
  return last.program;
}

function programOf(userAgent: string): string {
  const [program = ""] = userAgent.split("/");
  const plain = program.replaceAll(/[^\x20-\x7e]/g, "").trim();
  return plain === "" ? "unknown" : plain.slice(0, MANAGER_CHARS_MAX);
}

const APPLY = "application/apply-patch+yaml";
const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  "application/merge-patch+json": "merge",
  "application/json-patch+json": "json",
  "application/strategic-merge-patch+json": "strategic",
};

/** How a patch is meant; throws `UnsupportedMediaType` for what is no patch that we know. */
export function patchTypeOf({ headers }: Call): PatchType | "apply" {
  const type = mediaType(headers);
  if (type === APPLY) return "apply";
  const known = PATCH_TYPES[type];
  if (known !== undefined) return known;
  const list = [...Object.keys(PATCH_TYPES), APPLY].join(", ");
  throw new ApiError("UnsupportedMediaType", `a patch is of one of ${list}; this is "${type}"`);
}

/** Whether an applier takes over what others own. Throws `BadRequest` when it does not say who. */
export function isForced({ query }: Call): boolean {
  if ((query.get("fieldManager") ?? "") === "") {
    const message = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is';
    throw new ApiError("BadRequest", `${message} required for apply patch`);
  }
  return isTrue(query.get("force"));
}
