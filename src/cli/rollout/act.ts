import { ROLLOUT_NOTE } from "../../api/labels.ts";
import { SENT_BACK_BY_HAND } from "../../api/rollout.ts";
import type { Context } from "../command.ts";
import { failure } from "../failure.ts";
import { previousOf } from "../rollback.ts";
import { LATEST, targetNamed } from "../traffic/names.ts";
import { checkAlive } from "../traffic.ts";
import { rolloutIn, type Seen } from "./facts.ts";

export const ACTS = ["promote", "pause", "resume", "abort", "undo", "retry"] as const;
export type Act = (typeof ACTS)[number];

/** What is to be written on which revision, and how one sees that it is in force. */
export interface Deed {
  readonly revision: string;
  /** Annotations; without a value they go. */
  readonly notes: Readonly<Record<string, string | null>>;
  readonly isDone: (seen: Seen) => boolean;
  readonly says: string;
}

interface Acting {
  readonly seen: Seen;
  readonly isFull: boolean;
  readonly word: string | undefined;
  readonly context: Context;
}

/** What an act comes to. Throws `Failure` when there is nothing that it could be done to. */
export function deedOf(act: Act, acting: Acting): Deed {
  const { seen, isFull } = acting;
  const rollout = rolloutIn(seen);
  const isRunning = rollout !== undefined && rollout.phase !== "Aborted";
  if (act === "undo" && !isRunning) return undone(acting);
  const revision = rollout?.revisionName;
  if (rollout === undefined || revision === undefined) throw nothing(acting);
  const { paused, promoted, instead, why } = ROLLOUT_NOTE;
  if (act === "retry") {
    if (isRunning)
      throw failure(`Revision "${revision}" is being rolled out, and was not sent back`);
    const notes = { [paused]: null, [promoted]: null, [instead]: null, [why]: null };
    const isDone = (now: Seen) => rolloutIn(now)?.phase !== "Aborted";
    return { revision, notes, isDone, says: `${revision} is rolled out once more` };
  }
  if (!isRunning) throw sentBack(revision, acting);
  if (act === "pause") {
    const isDone = (now: Seen) => rolloutIn(now)?.phase === "Paused";
    return { revision, notes: { [paused]: "true" }, isDone, says: `${revision} is paused` };
  }
  if (act === "resume") {
    const isDone = (now: Seen) => rolloutIn(now)?.phase !== "Paused";
    return { revision, notes: { [paused]: null }, isDone, says: `${revision} goes on` };
  }
  if (act === "promote") {
    const { step } = rollout;
    const isAll = isFull || step === undefined;
    const notes = { [paused]: null, [promoted]: isAll ? "all" : String(step + 1) };
    const isDone = (now: Seen) => {
      const after = rolloutIn(now);
      return after === undefined || (!isAll && (after.step ?? 0) > step);
    };
    const far = isAll ? "all requests" : "the next step";
    return { revision, notes, isDone, says: `${revision} is promoted to ${far}` };
  }
  return backTo(revision, {
    instead: rollout.revisions[0]?.revisionName ?? "",
    message: `It was sent back by hand while it had ${rollout.revisions.at(-1)?.percent ?? 0} %`,
  });
}

/** Back to who served before, or to who is named, and new revisions go on to be rolled out. */
function undone({ seen, word, context }: Acting): Deed {
  const { service } = seen;
  const { name } = service.metadata;
  const latest = service.status?.latestReadyRevisionName;
  const isTracked = (service.spec.traffic ?? []).some(
    ({ revisionName, percent = 0 }) => revisionName === undefined && percent > 0,
  );
  if (latest === undefined || !isTracked) {
    const way = context.command(`rollback ${name}`);
    throw failure(`The traffic of "${name}" is given to revisions by name`, `Change that: ${way}`);
  }
  const known = { service, revisions: seen.revisions };
  const chosen = word === undefined ? previousOf(known, context) : targetNamed(word, known);
  if (chosen === LATEST || chosen === latest) {
    const way = context.command(`rollout retry ${name}`);
    throw failure(`Revision "${latest}" is the latest, and nobody goes back to it`, `Try: ${way}`);
  }
  checkAlive([chosen], known);
  return backTo(latest, { instead: chosen, message: "It was sent back by hand" });
}

function backTo(
  revision: string,
  { instead, message }: { readonly instead: string; readonly message: string },
): Deed {
  const notes = {
    [ROLLOUT_NOTE.instead]: instead,
    [ROLLOUT_NOTE.why]: `${SENT_BACK_BY_HAND}: ${message}`,
  };
  const isDone = (now: Seen) => {
    const { phase, revisions } = rolloutIn(now) ?? {};
    return phase === "Aborted" && revisions?.[0]?.revisionName === instead;
  };
  return { revision, notes, isDone, says: `${revision} is sent back, ${instead} has its requests` };
}

function nothing({ seen, context }: Acting) {
  const { name } = seen.service.metadata;
  return failure(
    `Nothing is being rolled out for "${name}"`,
    `How it stands: ${context.command(`rollout status ${name}`)}`,
    `Go back to the revision before: ${context.command(`rollout undo ${name}`)}`,
  );
}

function sentBack(revision: string, { seen, context }: Acting) {
  const way = context.command(`rollout retry ${seen.service.metadata.name}`);
  return failure(`Revision "${revision}" was sent back`, `Try it again: ${way}`);
}
