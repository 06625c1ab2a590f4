import { BUILD_NAME_LABEL } from "../api/build.ts";
import { notFound } from "../api/error.ts";
import { LABEL } from "../api/labels.ts";
import { pathOf } from "../api/meta.ts";
import { POD } from "../api/pod.ts";
import { type Builder, stepsIdOf, writerOf } from "../build/build.ts";
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
    const build = pod.metadata.labels?.[BUILD_NAME_LABEL];
    if (build !== undefined) {
      const { container, ...rest } = options;
      const id = stepsIdOf({ namespace: key.namespace, name: build });
      const isStep = pod.spec.initContainers?.some(({ name }) => name === container) === true;
      const from = writerOf(container);
      // What runs last says nothing: whoever asks for it is told all.
      return builder.log(id, { ...rest, ...(isStep && { only: (line) => line.from === from }) });
    }
    const revision = pod.metadata.labels?.[LABEL.build];
    if (revision === undefined) return runtime.log(pathOf(key), options);
    return builder.log(pathOf({ namespace: key.namespace, name: revision }), options);
  };
}
