import { type Clock, every } from "../../base/clock.ts";
import { isRunning, type ProcessId } from "../../base/process.ts";
import { isCode } from "../system_error.ts";

const LOOK_MS = 250;
/** Every so many looks are closer: a number may be that of a zombie, or of another by now. */
const CLOSE_LOOK_EVERY = 4;

/** One process that is watched, until it is gone or let be. */
export interface Vigil extends Disposable {
  readonly gone: Promise<void>;
}

interface Watched {
  readonly leader: ProcessId;
  readonly tell: () => void;
}

/** Sees the end of processes that are not our children, whose end nobody tells us. */
export class Deaths implements Disposable {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #looking: Disposable | undefined;
  #looks = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches a process, which may be gone already. */
  watch(leader: ProcessId): Vigil {
    const { promise: gone, resolve: tell } = Promise.withResolvers<void>();
    if (!isRunning(leader)) tell();
    const watched = { leader, tell };
    this.#watched.add(watched);
    this.#looking ??= every(this.#clock, LOOK_MS, () => this.#look());
    return { gone, [Symbol.dispose]: () => void this.#watched.delete(watched) };
  }

  [Symbol.dispose](): void {
    this.#looking?.[Symbol.dispose]();
    this.#watched.clear();
  }

  #look(): void {
    this.#looks += 1;
    const isClose = this.#looks % CLOSE_LOOK_EVERY === 0;
    for (const watched of this.#watched) {
      const { leader, tell } = watched;
      if (isClose ? isRunning(leader) : exists(leader.pid)) continue;
      this.#watched.delete(watched);
      tell();
    }
    if (this.#watched.size > 0) return;
    this.#looking?.[Symbol.dispose]();
    this.#looking = undefined;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return !isCode(thrown, "ESRCH");
  }
}
