import type { Answer, Call } from "../base/call.ts";
import { type Family, METRICS_TYPE, metricsText } from "../base/metrics.ts";
import type { ApiRoute } from "./api_route.ts";
import { type ExplainRequest, explainRequestOf } from "./explain_request.ts";

/** What the rest of the platform can tell of itself. */
export interface Sight {
  metrics(): Promise<readonly Family[]>;
  /** Where a request would go now, and why. */
  explain(request: ExplainRequest): Promise<object>;
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
    const body = await sight.explain(explainRequestOf(query));
    return { code: 200, body };
  }
}
