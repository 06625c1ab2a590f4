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

function requestOf(query: URLSearchParams): ExplainRequest {
  const url = query.get("url") ?? "";
  const parsed = URL.parse(/^https?:\/\//.test(url) ? url : `http://${url}`);
  if (url === "" || parsed === null) {
    const want = 'want ?url=HOST/PATH, such as "hello.default.localhost/x", and header=NAME:VALUE';
    throw new ApiError("BadRequest", `Cannot explain the url "${url}": ${want}`);
  }
  const headers: Record<string, string> = {};
  for (const text of query.getAll("header")) {
    const [, name, value] = /^([^:\s]+):[ \t]*(.*)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new ApiError("BadRequest", `Cannot explain the header "${text}": want "NAME: VALUE"`);
    }
    headers[name.toLowerCase()] = value;
  }
  return {
    method: (query.get("method") ?? "GET").toUpperCase(),
    target: `${parsed.pathname}${parsed.search}`,
    host: parsed.hostname,
    client: query.get("client") ?? "127.0.0.1",
    isTls: parsed.protocol === "https:",
    headers,
  };
}
