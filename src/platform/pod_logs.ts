import { notFound } from "../api/error.ts";
import { LABEL } from "../api/labels.ts";
import { pathOf } from "../api/meta.ts";
import { POD } from "../api/pod.ts";
import type { Builder } from "../build/build.ts";
import type { Cache } from "../client/client.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { PodLogs } from "../server/pod_log.ts";

export interface PodLogDeps {
  readonly runtime: Runtime;
  readonly builder: Builder;
  readonly cache: Cache;
}

/** What stands behind a Pod: a build, or an instance. */
export function podLogsOf({ runtime, builder, cache }: PodLogDeps): PodLogs {
  const pods = cache.lister(POD);
  return (key, options) => {
    const pod = pods.get(key);
    if (pod === undefined) throw notFound(POD, key.name);
    const revision = pod.metadata.labels?.[LABEL.build];
    if (revision === undefined) return runtime.log(pathOf(key), options);
    return builder.log(pathOf({ namespace: key.namespace, name: revision }), options);
  };
}
