import { ApiError } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import { NODE_METRICS, type NodeMetrics, POD_METRICS, type PodMetrics } from "../api/metrics.ts";
import type { ApiRoute } from "./api_route.ts";
import { ComputedStore } from "./computed_store.ts";
import type { ServerContext } from "./context.ts";
import { isTrue } from "./query.ts";
import { resourceRoutes } from "./resource_routes.ts";

/** Measures what is used now, of all Pods that run and all machines. */
export type Measure = () => Promise<readonly (PodMetrics | NodeMetrics)[]>;

/** Kinds that are made when they are asked for. */
export const COMPUTED: readonly Kind[] = [POD_METRICS, NODE_METRICS] as unknown as readonly Kind[];

/** `metrics.k8s.io`, as `kubectl top` asks for it: get and list, measured for each request. */
export function metricsRoutes(measure: Measure, context: ServerContext): readonly ApiRoute[] {
  return COMPUTED.flatMap((kind) => {
    const paths = resourceRoutes(kind, context).filter(({ method }) => method === "GET");
    return paths.map((path, at) => ({
      ...path,
      async handle(call, caller) {
        if (isTrue(call.query.get("watch"))) {
          throw new ApiError("MethodNotAllowed", `${kind.kind} can be listed, not watched`);
        }
        const store = new ComputedStore(context.store, await measure());
        const routes = resourceRoutes(kind, { ...context, store });
        const route = routes.filter(({ method }) => method === "GET")[at] ?? path;
        return await route.handle(call, caller);
      },
    }));
  });
}
