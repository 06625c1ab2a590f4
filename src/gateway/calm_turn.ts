import type { Clock } from "../base/clock.ts";

const TURN_MS = 0.05;
const PATIENCE_MS = 100;

/**
 * Resolves right after the poll phase of a turn in which there was next to nothing to do; after a
 * while, of any turn. What the kernel has queued for a listening socket is reset when that closes.
 * The poll phase has emptied the queue, but what else it had to do since is time for more to come.
 */
export async function calmTurn(clock: Pick<Clock, "elapsed">): Promise<void> {
  const deadline = clock.elapsed() + PATIENCE_MS;
  let now = clock.elapsed();
  let before: number;
  do {
    before = now;
    await new Promise((resolve) => setImmediate(resolve));
    now = clock.elapsed();
  } while (now - before > TURN_MS && now < deadline);
}
