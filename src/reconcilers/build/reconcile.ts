import { BUILD, BUILD_NAME_LABEL, type Build, isOver } from "../../api/build.ts";
import { CANCELLED } from "../../api/build_spec.ts";
import { conditionOf } from "../../api/condition.ts";
import { readDurationMs } from "../../api/duration.ts";
import { childOf, type Draft, type ObjectKey, pathOf } from "../../api/meta.ts";
import { childName } from "../../api/name.ts";
import { THIS_NODE } from "../../api/node.ts";
import { POD, type Pod } from "../../api/pod.ts";
import type { Clock } from "../../base/clock.ts";
import { type Builder, type BuildState, buildOfSteps, stepsIdOf } from "../../build/build.ts";
import type { Client, Lister } from "../../client/client.ts";
import type { Controller, Reconciled } from "../../control/controller.ts";
import { CLEARED } from "../../control/finalizer.ts";
import type { Recorder } from "../../control/recorder.ts";
import { type PlanListers, planOf } from "./plan.ts";
import { cancelledStatus, invalidStatus, lateStatus, statusOf, waitingStatus } from "./status.ts";

export interface BuildDeps extends PlanListers {
  readonly client: Client;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly pods: Lister<Pod>;
  readonly builder: Builder;
  /** Where the log of a Pod can be read. */
  readonly podLogUrl: (pod: ObjectKey) => string;
}

/** How soon one looks again whether there is an engine by now. */
const ENGINE_MS = 5000;

/** Has the steps of Builds run, once each, and tells how they went. */
export function buildController(deps: BuildDeps): Controller<Build> {
  const { builder } = deps;
  return {
    kind: BUILD,
    owns: [POD],
    sources: [
      (wake) =>
        builder.watch((id) => {
          const key = buildOfSteps(id);
          if (key !== undefined) wake(key);
        }),
    ],
    reconcile: (build) => reconcile(build, deps),
    async finalize({ metadata }) {
      await builder.forget(stepsIdOf(metadata));
      return CLEARED;
    },
  };
}

async function reconcile(build: Build, deps: BuildDeps): Promise<Reconciled<Build>> {
  const { builder } = deps;
  // What has ended has ended for good, whatever its template or its Secrets are by now.
  if (isOver(build)) return { status: build.status ?? {} };
  const id = stepsIdOf(build.metadata);
  if (build.spec.Status === CANCELLED) {
    builder.cancel(id);
    const state = builder.state(id);
    return tell(
      build,
      state === undefined ? cancelledStatus(build) : await seen(build, state, deps),
      deps,
    );
  }
  const state = builder.state(id);
  if (state !== undefined) return tell(build, await seen(build, state, deps), deps);
  return await begin(build, deps);
}

async function begin(build: Build, deps: BuildDeps): Promise<Reconciled<Build>> {
  const { builder } = deps;
  const planned = planOf(build, deps);
  if ("problems" in planned) return tell(build, invalidStatus(planned.problems), deps);
  const why = await builder.whyNoSteps();
  if (why !== undefined) return withoutEngine(build, why, deps);
  const { plan } = planned;
  const state = builder.build({ id: stepsIdOf(build.metadata), plan });
  return tell(build, await seen(build, state, deps), deps);
}

/** It waits as a Pod does that no machine can take, and no longer than it may take. */
function withoutEngine(build: Build, why: string, deps: BuildDeps): Reconciled<Build> {
  const need = `The steps of a Build run as containers, and ${why}`;
  const { creationTimestamp } = build.metadata;
  const leftMs = Date.parse(creationTimestamp) + limitMsOf(build) - deps.clock.now();
  if (leftMs <= 0) return tell(build, lateStatus(build, need), deps);
  const { status } = tell(build, waitingStatus(need), deps);
  return { status, requeueAfterMs: Math.min(ENGINE_MS, leftMs) };
}

function limitMsOf({ spec }: Build): number {
  return readDurationMs(spec.timeout ?? "") ?? 0;
}

async function seen(build: Build, state: BuildState, deps: BuildDeps) {
  const { namespace = "", name } = build.metadata;
  const pod = childName(name, "-pod");
  await keepPod(build, { pod, state }, deps);
  return statusOf(build, { pod, state, logUrl: deps.podLogUrl({ namespace, name: pod }) });
}

/** Shows the build as the Pod that it would be on a cluster. */
async function keepPod(
  build: Build,
  { pod: name, state }: { readonly pod: string; readonly state: BuildState },
  { pods, client }: BuildDeps,
): Promise<void> {
  const { namespace } = build.metadata;
  if (pods.get({ namespace, name }) !== undefined) return;
  const { labels = {} } = build.metadata;
  const metadata = {
    ...childOf(build, name),
    labels: { ...labels, [BUILD_NAME_LABEL]: build.metadata.name },
    finalizers: ["varve.dev/pod"],
  };
  const parts = state.parts ?? [];
  const draft: Draft<Pod> = {
    apiVersion: POD.apiVersion,
    kind: POD.kind,
    metadata,
    spec: {
      initContainers: parts.map(({ container, image }) => ({ name: container, image })),
      containers: [{ name: "nop", image: "varve" }],
      nodeName: THIS_NODE,
      restartPolicy: "Never",
      ...(build.spec.serviceAccountName !== undefined && {
        serviceAccountName: build.spec.serviceAccountName,
      }),
    },
  };
  await client.create<Pod>(draft);
}

/** With an Event when it has just ended. */
function tell(
  build: Build,
  status: NonNullable<Build["status"]>,
  { recorder }: BuildDeps,
): Reconciled<Build> {
  const now = conditionOf(status, "Succeeded");
  if (now?.status === "True") {
    const message = `Build ${pathOf(build.metadata)} has succeeded`;
    recorder.record(build, { type: "Normal", reason: "Succeeded", message });
  }
  if (now?.status === "False") {
    const { reason = "Failed", message = "" } = now;
    recorder.record(build, { type: "Warning", reason, message });
  }
  return { status };
}
