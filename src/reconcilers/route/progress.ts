import { type Condition, failed, ok, pending } from "../../api/condition.ts";
import { ROLLOUT_HEALTHY, type Rollout, SENT_BACK_BY_HAND } from "../../api/rollout.ts";
import type { Route } from "../../api/route.ts";
import type { Recorder } from "../../control/recorder.ts";

const RUNNING = "RolloutInProgress";

/** What a rollout is at: it keeps nobody waiting who waits for Ready (spec/elafros §16 O-4). */
export function progressOf(rollout: Rollout): readonly Condition[] {
  const { phase, reason = "", message = "", revisionName = "" } = rollout;
  if (phase === "Aborted") {
    const [stand] = rollout.revisions;
    const said = `Revision "${stand?.revisionName}" has its requests instead: ${message}`;
    const severity = "Warning" as const;
    return [
      { ...failed(reason, `Revision "${revisionName}": ${said}`, ROLLOUT_HEALTHY), severity },
    ];
  }
  const running = { ...ok(RUNNING), severity: "Info", reason: RUNNING } as const;
  return [{ ...running, message: `${inWords(rollout)}.` }, ...healthOf(rollout)];
}

/** "Revision "hello-00002" has 5 of 100 %, step 1 of 3: it is paused". */
export function inWords(rollout: Rollout): string {
  const { revisions, nextStepTime, step, steps, phase, message = "", trial } = rollout;
  const total = revisions.reduce((sum, { percent }) => sum + percent, 0);
  const { revisionName = "", percent = 0 } = revisions.at(-1) ?? {};
  const so = `Revision "${revisionName}" has ${percent} of ${total} %`;
  if (step === undefined)
    return `${so}, ${phase === "Paused" ? message : `next at ${nextStepTime}`}`;
  const isShort = rollout.reason === "NotEnoughTraffic" && trial !== undefined;
  const short = isShort ? `: ${trafficOf(rollout)}` : "";
  return `${so}, step ${step + 1} of ${steps}, ${message}${short}`;
}

/** How many requests there were, and how many are enough. */
function trafficOf({ trial }: Rollout): string {
  const { requests, needed } = trial ?? { requests: { new: 0, old: 0 }, needed: 0 };
  return `${requests.new} requests and ${requests.old} of the old, of about ${needed} each`;
}

function healthOf(rollout: Rollout): readonly Condition[] {
  const { trial } = rollout;
  if (trial === undefined) return [];
  const severity = "Info";
  if (trial.verdict === "NotEnoughTraffic") {
    const message = `It cannot be said yet: ${trafficOf(rollout)}.`;
    return [{ ...pending(trial.verdict, message, ROLLOUT_HEALTHY), severity }];
  }
  return [{ ...ok(ROLLOUT_HEALTHY), severity, reason: "Fine" }];
}

/** Writes down what is new about the rollouts of a Route, once it is served. */
export function tellSteps(route: Route, rollouts: readonly Rollout[], recorder: Recorder): void {
  const before = route.status?.rollouts ?? [];
  const told = (reason: string, message: string) =>
    recorder.record(route, { type: "Normal", reason, message });
  for (const rollout of rollouts) {
    const last = before.find((it) => isSame(it, rollout));
    const isNew = last === undefined || last.phase === "Aborted";
    if (rollout.phase === "Aborted") {
      const isByHand = last?.phase !== "Aborted" && rollout.reason === SENT_BACK_BY_HAND;
      if (isByHand) told("RolloutAborted", progressOf(rollout)[0]?.message ?? "");
    } else if (isNew) told("RolloutStarted", inWords(rollout));
    else if (last.step !== rollout.step) told("RolloutStep", inWords(rollout));
  }
  for (const last of before) {
    if (last.phase === "Aborted" || rollouts.some((it) => isTarget(it, last))) continue;
    told("RolloutCompleted", `Revision "${last.revisionName}" has all requests`);
  }
}

function isTarget(one: Rollout, other: Rollout): boolean {
  return one.configurationName === other.configurationName && one.tag === other.tag;
}

function isSame(one: Rollout, other: Rollout): boolean {
  return isTarget(one, other) && one.revisionName === other.revisionName;
}
