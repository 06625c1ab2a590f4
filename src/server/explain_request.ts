import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { ApiError } from "../api/error.ts";

/** A request that nobody has sent. */
export interface ExplainRequest {
  readonly method: string;
  readonly target: string;
  /** As `Host` would say it: with the port, where there is one. */
  readonly host: string;
  readonly client: string;
  readonly isTls: boolean;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

const URL_PARTS = /^(?:(https?):\/\/)?([^/?#@\s]+)(\/[^?#]*)?(\?[^#]*)?(?:#.*)?$/i;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$/;
const METHOD = /^[\w!#$%&'*+.^`|~-]+$/;
/** What clients encode before they send it. */
const UNSENT = /[^\x21-\x7e]+/g;

/**
 * Reads `?url=…&header=…&method=…&client=…`. Paths stay as they are, dots and all, for so the
 * gateway compares them; only what no client can send is written as browsers do.
 */
export function explainRequestOf(query: URLSearchParams): ExplainRequest {
  const url = query.get("url") ?? "";
  const [, scheme = "http", authority, path = "/", search = ""] = URL_PARTS.exec(url) ?? [];
  if (authority === undefined || authority.endsWith(":")) {
    const want = 'want ?url=HOST/PATH, such as "hello.default.localhost/x", and header=NAME:VALUE';
    throw refused("url", url, want);
  }
  const method = (query.get("method") ?? "GET").toUpperCase();
  if (!METHOD.test(method)) throw refused("method", method, "want one such as GET");
  const client = query.get("client") ?? "127.0.0.1";
  if (isIP(client) === 0) throw refused("client", client, "want an address, such as 192.0.2.1");
  const headers = headersOf(query.getAll("header"));
  const { host = asciiOf(authority) } = headers;
  const target = `${path}${search}`.replace(UNSENT, encodeURIComponent);
  return { method, target, host, client, isTls: scheme.toLowerCase() === "https", headers };
}

function asciiOf(authority: string): string {
  return authority.search(UNSENT) < 0 ? authority : domainToASCII(authority);
}

/** Several of one name are one, as the gateway reads them. */
function headersOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (const text of texts) {
    const [, name, value] = HEADER.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw refused("header", text, 'want "NAME: VALUE"');
    }
    const lower = name.toLowerCase();
    const before = headers.get(lower);
    const between = lower === "cookie" ? "; " : ", ";
    headers.set(lower, before === undefined ? value : `${before}${between}${value}`);
  }
  return Object.fromEntries(headers);
}

function refused(what: string, value: string, want: string): ApiError {
  return new ApiError("BadRequest", `Cannot explain the ${what} "${value}": ${want}`);
}
