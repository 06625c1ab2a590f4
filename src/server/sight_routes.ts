import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { ApiError } from "../api/error.ts";
import type { Answer, Call } from "../base/call.ts";
import { type Family, METRICS_TYPE, metricsText } from "../base/metrics.ts";
import type { ApiRoute } from "./api_route.ts";

/** What the rest of the platform can tell of itself. */
export interface Sight {
  metrics(): Promise<readonly Family[]>;
  /** Where a request would go now, and why. */
  explain(request: ExplainRequest): Promise<object>;
}

/** A request that nobody has sent. */
export interface ExplainRequest {
  readonly method: string;
  readonly target: string;
  /** With a port, where one is said. */
  readonly host: string;
  readonly client: string;
  readonly isTls: boolean;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

const EXPLAIN = "/apis/varve.dev/v1/explain";

/** `/metrics` for Prometheus, and where a request would go. */
export function sightRoutes(sight: Sight): readonly ApiRoute[] {
  return [
    { method: "GET", path: "/metrics", handle: metrics },
    { method: "GET", path: EXPLAIN, handle: explain },
  ];

  async function metrics(): Promise<Answer> {
    const body = metricsText(await sight.metrics());
    return { code: 200, headers: { "content-type": METRICS_TYPE }, body };
  }

  async function explain({ query }: Call): Promise<Answer> {
    const body = await sight.explain(requestOf(query));
    return { code: 200, body };
  }
}

const WANT = 'want ?url=HOST/PATH, such as "hello.default.localhost/x", and header=NAME:VALUE';
const URL_PARTS = /^(?:(\w[\w+.-]*):\/\/)?([^/?#]+)([^#]*)/;
const HEADER = /^([^:\s]+):[ \t]*(.*)$/;
const METHOD = /^[\w!#$%&'*+.^`|~-]+$/;

/** The request as it would be sent: nothing of its path is tidied up, as no client has to. */
function requestOf(query: URLSearchParams): ExplainRequest {
  const url = query.get("url") ?? "";
  const [, scheme = "http", authority, rest = ""] = URL_PARTS.exec(url) ?? [];
  if (authority === undefined || !/^https?$/i.test(scheme)) {
    throw new ApiError("BadRequest", `Cannot explain the url "${url}": ${WANT}`);
  }
  const headers = headersOf(query.getAll("header"));
  const method = (query.get("method") ?? "GET").toUpperCase();
  if (!METHOD.test(method)) {
    throw new ApiError("BadRequest", `Cannot explain the method "${method}": want one such as GET`);
  }
  const client = query.get("client") ?? "127.0.0.1";
  if (isIP(client) === 0) {
    throw new ApiError("BadRequest", `Cannot explain the client "${client}": want an IP address`);
  }
  return {
    ...{ method, client, headers },
    target: (rest.startsWith("/") ? rest : `/${rest}`).replace(UNSENT, encodeURIComponent),
    host: headers["host"] ?? asciiOf(authority),
    isTls: scheme.toLowerCase() === "https",
  };
}

/** What clients encode before they send it. */
const UNSENT = /[^\x21-\x7e]+/g;

function asciiOf(authority: string): string {
  return /[^\x21-\x7e]/.test(authority) ? domainToASCII(authority) : authority;
}

/** By their names in lower case; those that are there twice are put together. */
function headersOf(said: readonly string[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const text of said) {
    const [, raw, value] = HEADER.exec(text) ?? [];
    if (raw === undefined || value === undefined) {
      throw new ApiError("BadRequest", `Cannot explain the header "${text}": want "NAME: VALUE"`);
    }
    const name = raw.toLowerCase();
    const before = headers[name];
    const both = name === "cookie" ? `${before}; ${value}` : `${before}, ${value}`;
    headers[name] = before === undefined ? value : both;
  }
  return headers;
}
