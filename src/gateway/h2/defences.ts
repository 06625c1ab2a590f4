import type { Clock } from "../../base/clock.ts";
import { LIMITS } from "../limits.ts";

/** What a client of HTTP/2 can do that costs it little and us much. */
export type Attack = "h2Resets" | "h2Pings" | "h2Settings" | "h2Frames";

/** With each so many bytes that it gets, a client may widen windows once more, and needs not. */
const BYTES_EACH = 4;

export interface BudgetOptions {
  /** So many at once, and then so many a second. */
  readonly max: number;
  readonly perSecond: number;
  readonly clock: Clock;
}

/** How often one client may do a thing: full at the start, filled up again as time passes. */
class Budget {
  readonly #options: BudgetOptions;
  #left: number;
  #at: number;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#left = options.max;
    this.#at = options.clock.elapsed();
  }

  /** Spends one; answers whether there was one left. */
  spend(): boolean {
    const { max, perSecond, clock } = this.#options;
    const now = clock.elapsed();
    this.#left = Math.min(max, this.#left + ((now - this.#at) / 1_000) * perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

export interface DefencesOptions {
  readonly clock: Clock;
  /** Where connections that are closed for what they do are counted. */
  readonly counts: Record<Attack, number>;
  /** Closes the connection. */
  readonly close: () => void;
}

/** Who is told what the other side does, and loses patience. */
export type Patience = Pick<
  Defences,
  "ping" | "settings" | "idleFrame" | "invalidFrame" | "refusedStream" | "attacked"
>;

/** What one client has done of all that, and the end of its patience: called for each of them. */
export class Defences {
  readonly #options: DefencesOptions;
  readonly #resets: Budget;
  readonly #pings: Budget;
  readonly #settings: Budget;
  #idleFrames = 0;
  #invalidFrames = 0;
  #refusedStreams = 0;

  constructor(options: DefencesOptions) {
    const { clock } = options;
    this.#options = options;
    const budget = (max: number, perSecond: number) => new Budget({ max, perSecond, clock });
    this.#resets = budget(LIMITS.h2ResetsMax, LIMITS.h2ResetsPerSecond);
    this.#pings = budget(LIMITS.h2PingsMax, LIMITS.h2PingsPerSecond);
    this.#settings = budget(LIMITS.h2SettingsMax, LIMITS.h2SettingsPerSecond);
  }

  /** A stream is taken back before it was answered. */
  reset(): void {
    if (!this.#resets.spend()) this.attacked("h2Resets");
  }

  ping(): void {
    if (!this.#pings.spend()) this.attacked("h2Pings");
  }

  settings(): void {
    if (!this.#settings.spend()) this.attacked("h2Settings");
  }

  /** A frame that asks for nothing. Clients send them for what they get: so many bytes by now. */
  idleFrame(sentBytes: number): void {
    this.#idleFrames += 1;
    const most = LIMITS.h2IdleFramesMax + sentBytes / BYTES_EACH;
    if (this.#idleFrames > most) this.attacked("h2Frames");
  }

  /** A frame that means nothing, or for which a stream has to be ended. */
  invalidFrame(): void {
    this.#invalidFrames += 1;
    if (this.#invalidFrames > LIMITS.h2InvalidFramesMax) this.attacked("h2Frames");
  }

  refusedStream(): void {
    this.#refusedStreams += 1;
    if (this.#refusedStreams > LIMITS.h2RejectedStreamsMax) this.attacked("h2Frames");
  }

  attacked(attack: Attack): void {
    this.#options.counts[attack] += 1;
    this.#options.close();
  }
}
