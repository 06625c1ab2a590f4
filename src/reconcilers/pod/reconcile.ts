import { BUILD_NAME_LABEL } from "../../api/build.ts";
import { LABEL } from "../../api/labels.ts";
import { type ObjectKey, pathOf } from "../../api/meta.ts";
import { childName } from "../../api/name.ts";
import { POD, type Pod } from "../../api/pod.ts";
import { type Builder, buildOfSteps, stepsIdOf } from "../../build/build.ts";
import type { Client } from "../../client/client.ts";
import type { Controller, Reconciled, Source } from "../../control/controller.ts";
import { CLEARED } from "../../control/finalizer.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { buildStatus, instanceStatus } from "./status.ts";
import { stepsStatus } from "./steps_status.ts";

export interface PodDeps {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly builder: Builder;
}

/** How soon one looks again whether the instance of a deleted Pod has ended. */
const GONE_MS = 1000;

/** Shows instances and builds as Pods. Whoever deletes one has another instance started. */
export function podController(deps: PodDeps): Controller<Pod> {
  const { runtime } = deps;
  return {
    kind: POD,
    owns: [],
    isQuiet: true,
    sources: sourcesOf(deps),
    reconcile: (pod) => reconcile(pod, deps),
    // The Revision lets the instance go when it sees that its Pod is to go.
    async finalize({ metadata }) {
      return runtime.get(pathOf(metadata)) === undefined ? CLEARED : { againAfterMs: GONE_MS };
    },
  };
}

async function reconcile(pod: Pod, { runtime, builder }: PodDeps): Promise<Reconciled<Pod>> {
  const { metadata } = pod;
  const build = metadata.labels?.[BUILD_NAME_LABEL];
  if (build !== undefined) {
    const id = stepsIdOf({ namespace: metadata.namespace, name: build });
    return { status: stepsStatus(pod, builder.state(id)) };
  }
  const revision = metadata.labels?.[LABEL.build];
  if (revision !== undefined) {
    const id = pathOf({ namespace: metadata.namespace, name: revision });
    return { status: buildStatus(pod, builder.state(id)) };
  }
  return { status: instanceStatus(pod, runtime.get(pathOf(metadata))) };
}

function sourcesOf({ runtime, builder }: PodDeps): readonly Source[] {
  return [
    (wake) => runtime.watch((name) => wake(keyOf(name))),
    (wake) =>
      builder.watch((id) => {
        const build = buildOfSteps(id);
        const podOfSteps = build && { ...build, name: childName(build.name, "-pod") };
        wake(podOfSteps ?? keyOf(`${id}-build`));
      }),
  ];
}

function keyOf(path: string): ObjectKey {
  const [namespace, name = ""] = path.split("/");
  return { namespace, name };
}
