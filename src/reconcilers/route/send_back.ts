import { ROLLOUT_NOTE } from "../../api/labels.ts";
import { REVISION, type Revision } from "../../api/revision.ts";
import type { Rollout } from "../../api/rollout.ts";
import type { RolloutGate } from "../../api/rollout_strategy.ts";
import type { Route } from "../../api/route.ts";
import type { Client, Lister } from "../../client/client.ts";
import type { Recorder } from "../../control/recorder.ts";
import { breachOf, lookAgainMs } from "./verdict.ts";

export interface SendBackDeps {
  readonly client: Client;
  readonly recorder: Recorder;
  readonly revisions: Lister<Revision>;
}

export interface Judging {
  readonly gate: RolloutGate;
  readonly nowMs: number;
  readonly deps: SendBackDeps;
}

export interface Judged {
  /** Revisions on which it was just noted that they are sent back, as they are now. */
  readonly sentBack: ReadonlyMap<string, Revision>;
  /** When to look again, though nothing will tell. */
  readonly againMs: number | undefined;
}

/**
 * Notes on each new Revision that breaks its gate who shall have its requests instead. It is noted
 * before anything moves: so it holds whatever becomes of us, and whatever is applied again.
 */
export async function judge(route: Route, { gate, nowMs, deps }: Judging): Promise<Judged> {
  const { client, recorder, revisions } = deps;
  const { namespace } = route.metadata;
  const sentBack = new Map<string, Revision>();
  const waits: number[] = [];
  for (const rollout of route.status?.rollouts ?? []) {
    const suspects = suspectsIn(rollout, (name) => revisions.get({ namespace, name }));
    if (suspects === undefined) continue;
    const { newest, oldest } = suspects;
    const breach = breachOf({ rollout, newest, oldest, gate, nowMs });
    const againMs = lookAgainMs({ newest, gate, nowMs });
    if (againMs !== undefined) waits.push(againMs);
    if (breach === undefined) continue;
    const { name } = newest.metadata;
    const { reason, message } = breach;
    const annotations = {
      [ROLLOUT_NOTE.instead]: oldest.metadata.name,
      [ROLLOUT_NOTE.why]: `${reason}: ${message}`,
    };
    const key = { namespace, name };
    sentBack.set(name, await client.patch({ kind: REVISION, key }, { metadata: { annotations } }));
    const back = `requests go to Revision "${oldest.metadata.name}" again`;
    const told = `Sent Revision "${name}" back (${reason}): ${message}; ${back}`;
    recorder.record(route, { type: "Warning", reason: "RolloutAborted", message: told });
  }
  return { sentBack, againMs: waits.length === 0 ? undefined : Math.min(...waits) };
}

/** The new one and the one that has served before, while both take part. */
function suspectsIn(
  { phase, revisionName, revisions }: Rollout,
  find: (name: string) => Revision | undefined,
) {
  if (phase === "Aborted" || revisionName === undefined) return undefined;
  const newest = find(revisionName);
  const [before] = revisions.filter((it) => it.revisionName !== revisionName);
  const oldest = before && find(before.revisionName);
  return newest === undefined || oldest === undefined ? undefined : { newest, oldest };
}
