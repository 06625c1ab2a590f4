import { ROLLOUT_NOTE } from "../../api/labels.ts";
import type { Revision } from "../../api/revision.ts";
import { SENT_BACK_BY_HAND } from "../../api/rollout.ts";

/** What people, or a comparison, have said of the rollout of a Revision. */
export interface RolloutNotes {
  readonly isPaused: boolean;
  /** How many steps it is past, whatever was seen of it. */
  readonly promoted: number;
  /** Who has its requests instead. */
  readonly instead?: string;
  /** Why: one word, and a sentence. */
  readonly reason?: string;
  readonly message?: string;
}

/** What is noted on a Revision. */
export function notesOf({ metadata }: Revision): RolloutNotes {
  const { paused, promoted, instead, why } = ROLLOUT_NOTE;
  const { [instead]: other, [why]: said = "", ...notes } = metadata.annotations ?? {};
  const [, reason = SENT_BACK_BY_HAND, message = said] = /^([A-Z]\w+): (.*)$/s.exec(said) ?? [];
  const steps = notes[promoted] === "all" ? Infinity : Number(notes[promoted] ?? 0);
  return {
    isPaused: notes[paused] === "true",
    promoted: Number.isNaN(steps) ? 0 : steps,
    ...(other !== undefined && other !== metadata.name && { instead: other, reason, message }),
  };
}
