import { ApiError, type Reason } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import type { Kind } from "../api/kind.ts";
import type { ObjectKey } from "../api/meta.ts";
import type { Status } from "../api/status.ts";

type Place = { readonly [Part in keyof ObjectKey]?: ObjectKey[Part] | undefined };

/** Where a resource, or all of its kind, is found in the API. */
export function pathTo(kind: Kind, { namespace, name }: Place): string {
  const { apiVersion, plural, isNamespaced } = kind;
  const group = groupOf(apiVersion) === "" ? `/api/${apiVersion}` : `/apis/${apiVersion}`;
  const inside =
    isNamespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const one = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `${group}${inside}/${plural}${one}`;
}

/** A query of all that is said; what is `undefined` is left out. */
export function queryOf(asked: Readonly<Record<string, string | number | boolean | undefined>>) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(asked)) {
    if (value !== undefined) query.set(key, String(value));
  }
  return query.size === 0 ? "" : `?${query}`;
}

/** A body of JSON, and its type. */
export function jsonOf(body: unknown, type = "application/json") {
  return { body: JSON.stringify(body), headers: { "content-type": type } };
}

/** What each code means when nothing else is said, or only words that we do not know. */
const REASON_OF: Readonly<Record<number, Reason>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  409: "Conflict",
  410: "Expired",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  501: "NotImplemented",
  502: "ServiceUnavailable",
  503: "ServiceUnavailable",
  504: "Timeout",
  507: "InsufficientStorage",
};
const KNOWN: ReadonlySet<string> = new Set([...Object.values(REASON_OF), "AlreadyExists"]);

/** The failure that an answer with this code and text stands for. */
export function errorFrom(code: number, text: string): ApiError {
  return errorOf({ code, ...statusIn(text, code) });
}

/** The failure that a `Status` tells of, also in words that only others know. */
export function errorOf({ code = 500, reason = "", message, details }: Partial<Status>): ApiError {
  const known = KNOWN.has(reason) ? (reason as Reason) : REASON_OF[code];
  const said = message ?? `the server answers ${code}`;
  return new ApiError(known ?? "InternalError", said, details === undefined ? {} : { details });
}

/** Of what is no `Status`, as from a proxy on the way, the first words are all we can tell. */
function statusIn(text: string, code: number): Partial<Status> {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "kind" in body && body.kind === "Status") {
      return body as Partial<Status>;
    }
  } catch {
    // It is no JSON.
  }
  const words = text.trim().slice(0, 500);
  return { message: `the server answers ${code}${words === "" ? "" : `: ${words}`}` };
}

/** What the `Warning` header of an answer says, message by message. */
export function warningsIn(header: string | undefined): readonly string[] {
  const found = (header ?? "").matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g);
  return [...found].map(([, message = ""]) => message.replaceAll(/\\(.)/g, "$1"));
}
