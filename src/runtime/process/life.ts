import type { Clock } from "../../base/clock.ts";
import { isRunning, type ProcessId, signal as send } from "../../base/process.ts";
import type { Ended, EndOptions } from "../run.ts";
import { type Family, killAll, members, thawAll } from "./family.ts";

/** One run of an instance, from where it has a process until it has none. */
export interface Life extends Disposable {
  readonly family: Family & { readonly leader: ProcessId };
  /** Resolves when its first process has ended. Of the others some may be left. */
  readonly ended: Promise<Ended>;
}

interface Ending extends EndOptions {
  readonly clock: Clock;
}

/** SIGTERM to all of it; after the grace time SIGKILL to what is left. Resolves when it is gone. */
export async function endLife({ family }: Life, options: Ending): Promise<void> {
  const { clock, graceMs, signal } = options;
  const untilMs = clock.elapsed() + graceMs;
  send(family.leader, "SIGTERM");
  // It may be frozen, and then hears nothing.
  thawAll(family);
  for (let pauseMs = 2; clock.elapsed() < untilMs; pauseMs = Math.min(2 * pauseMs, 100)) {
    if (!isRunning(family.leader) && members(family).length === 0) return;
    await clock.sleep(Math.min(pauseMs, Math.max(1, untilMs - clock.elapsed())), { signal });
  }
  await killAll(family, clock, signal);
}
