import { groupOf } from "./group.ts";
import type { Status, StatusCause, StatusDetails } from "./status.ts";

/** Why a request failed, and its HTTP code: Kubernetes' words. Adding one is an API change. */
const CODE_OF = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  NotImplemented: 501,
  ServiceUnavailable: 503,
  Timeout: 504,
  InsufficientStorage: 507,
} as const;

export type Reason = keyof typeof CODE_OF;

interface ApiErrorOptions extends ErrorOptions {
  readonly details?: StatusDetails;
}

/** What a message needs to know of a kind to name it as Kubernetes does. */
export interface KindName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

/** A failure that a caller can expect and act on. Whatever else is thrown is an `InternalError`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: Status & { readonly reason: Reason };

  /** `message` and `details` are for the caller; what only operators may see goes in `cause`. */
  constructor(reason: Reason, message: string, options: ApiErrorOptions = {}) {
    super(message, options);
    const { details = {} } = options;
    const head = { apiVersion: "v1", kind: "Status", metadata: {}, status: "Failure" } as const;
    this.status = { ...head, message, reason, details, code: CODE_OF[reason] };
  }
}

/** What to tell the caller of anything that was thrown. */
export function statusOf(thrown: unknown): Status & { readonly reason: Reason } {
  if (thrown instanceof ApiError) return thrown.status;
  return new ApiError("InternalError", "Internal error").status;
}

/** Whether `thrown` is a failure of this reason. */
export function isReason(thrown: unknown, reason: Reason): thrown is ApiError {
  return thrown instanceof ApiError && thrown.status.reason === reason;
}

export function notFound(kind: KindName, name: string): ApiError {
  return new ApiError("NotFound", `${resourceOf(kind)} "${name}" not found`, about(kind, name));
}

export function alreadyExists(kind: KindName, name: string): ApiError {
  const message = `${resourceOf(kind)} "${name}" already exists`;
  return new ApiError("AlreadyExists", message, about(kind, name));
}

export function conflict(kind: KindName, name: string): ApiError {
  const message =
    `Operation cannot be fulfilled on ${resourceOf(kind)} "${name}": the object has been ` +
    "modified; please apply your changes to the latest version and try again";
  return new ApiError("Conflict", message, about(kind, name));
}

/** `details` of a cause are the rule and the way out. */
export function invalid(
  kind: KindName,
  name: string,
  causes: readonly (StatusCause & { readonly details?: string })[],
): ApiError {
  const { shown, more } = firstOf(causes);
  const told = shown.map(({ field, message, details, reason }) => {
    return { field, message: details === undefined ? message : `${message}: ${details}`, reason };
  });
  const lines = told.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  const list = [...lines, ...more];
  const all = list.length === 1 ? list[0] : `[${list.join(", ")}]`;
  const group = groupOf(kind.apiVersion);
  const type = group === "" ? kind.kind : `${kind.kind}.${group}`;
  const message = `${type} "${brief(name)}" is invalid: ${all}`;
  return new ApiError("Invalid", message, about(kind, name, told));
}

export function forbidden(kind: KindName, name: string, why: string): ApiError {
  const message = `${resourceOf(kind)} "${name}" is forbidden: ${why}`;
  return new ApiError("Forbidden", message, about(kind, name));
}

/** "services.serving.knative.dev", or "pods" of the core group. */
export function resourceOf({ apiVersion, plural }: KindName): string {
  const group = groupOf(apiVersion);
  return group === "" ? plural : `${plural}.${group}`;
}

/** Nobody reads on beyond this many things that are wrong. */
const CAUSES_MAX = 100;

/** As much of a list as one is told, and how much more there is. */
export function firstOf<T>(list: readonly T[]): {
  readonly shown: readonly T[];
  readonly more: readonly string[];
} {
  const count = list.length - CAUSES_MAX;
  return { shown: list.slice(0, CAUSES_MAX), more: count > 0 ? [`and ${count} more`] : [] };
}

const CHARS_MAX = 200;

/** A value as it is told in a message: what is very long is cut. */
export function brief(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
  return text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX)}…` : text;
}

function about(kind: KindName, name: string, causes?: readonly StatusCause[]) {
  const { apiVersion, plural } = kind;
  const group = groupOf(apiVersion);
  const details = { name: brief(name), ...(group !== "" && { group }), kind: plural };
  return { details: { ...details, ...(causes !== undefined && { causes }) } };
}
