import { awakened, type Floor, type FloorState, floorAfter } from "./floors.ts";
import { decideHpa, HPA_START, type HpaState } from "./hpa.ts";
import { decideKpa, type KpaState, startKpa } from "./kpa.ts";
import { Samples } from "./samples.ts";
import { bounded, type ScalingSettings } from "./settings.ts";

/** What a Revision should have now. */
export interface Plan {
  readonly floor: Floor;
  /** How many instances there should be: on the floor `frozen` one, which is frozen. */
  readonly replicas: number;
  readonly isPanicking: boolean;
  /** It could not be made ready, and nobody asks for it any more. */
  readonly isGivenUp: boolean;
  /** See `KpaOutcome`. */
  readonly excessBurst: number;
}

/** What can be seen of a Revision when it is looked at. */
export interface Sight {
  readonly settings: ScalingSettings;
  readonly ready: number;
  readonly isReachable: boolean;
  /** How long instances may take to become ready before it is given up. */
  readonly activationMs: number;
  readonly isPressed: boolean;
  /** Of the class `hpa`: see `HpaInput`. */
  readonly ratios: readonly number[];
}

export interface Beginning {
  readonly settings: ScalingSettings;
  /** How many instances there are. */
  readonly present: number;
  readonly isFrozen: boolean;
}

/** What a gateway worker says of its last second. */
export interface Share {
  readonly busyMs: number;
  readonly requests: number;
}

/** A request that has just woken it may not be in the figures yet. */
const FIGURES_MS = 4000;

/** The autoscaler of one Revision. It reads no clock, and does nothing but say what should be. */
export class Scaler {
  #windowMs: number;
  #busy: Samples;
  #requests: Samples;
  #kpa: KpaState;
  #hpa: HpaState = HPA_START;
  #floor: FloorState;
  #plan: Plan;

  constructor(nowMs: number, { settings, present, isFrozen }: Beginning) {
    const { windowMs } = settings;
    this.#windowMs = windowMs;
    this.#busy = new Samples(windowMs, nowMs);
    this.#requests = new Samples(windowMs, nowMs);
    this.#kpa = startKpa(nowMs, present);
    const floor = isFrozen ? "frozen" : present === 0 ? "stopped" : "awake";
    this.#floor = { floor, sinceMs: nowMs };
    const calm = { isPanicking: false, isGivenUp: false, excessBurst: 0 };
    this.#plan = { floor, replicas: present, ...calm };
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** Since when it is on its floor. */
  get sinceMs(): number {
    return this.#floor.sinceMs;
  }

  take({ busyMs, requests }: Share, nowMs: number): void {
    this.#busy.add(nowMs, busyMs / 1000);
    this.#requests.add(nowMs, requests);
  }

  /** A request waits, or a Route is about to send some: there must be an instance. */
  activate(nowMs: number, settings: ScalingSettings): void {
    if (this.#floor.floor === "awake") return;
    this.#floor = awakened(this.#floor, nowMs);
    const replicas = bounded(Math.max(1, settings.activationScale), settings);
    this.#plan = { ...this.#plan, floor: "awake", replicas, isGivenUp: false };
  }

  tick(nowMs: number, sight: Sight): Plan {
    const { settings } = sight;
    if (settings.windowMs !== this.#windowMs) this.#measureAnew(nowMs, settings);
    const { scale, isPanicking, excessBurst } = this.#decide(nowMs, sight);
    const before = this.#floor;
    this.#floor = floorAfter(before, { nowMs, ...sight, scale });
    const { floor, sinceMs } = this.#floor;
    const isGivenUp =
      floor === "stopped" &&
      (this.#plan.isGivenUp || (before.floor === "awake" && sight.ready === 0));
    const least = nowMs - sinceMs < FIGURES_MS ? this.#plan.replicas : 1;
    const replicas = floor === "awake" ? Math.max(scale, least) : floor === "frozen" ? 1 : 0;
    this.#plan = { floor, replicas, isPanicking, isGivenUp, excessBurst };
    return this.#plan;
  }

  #decide(nowMs: number, sight: Sight) {
    const { settings } = sight;
    const calm = { isPanicking: false, excessBurst: 0 };
    if (settings.class === "other") return { scale: bounded(1, settings), ...calm };
    if (settings.class === "hpa") {
      const { scale, state } = decideHpa(this.#hpa, { nowMs, ...sight });
      this.#hpa = state;
      return { scale: bounded(scale, settings), ...calm };
    }
    const stable = this.#average(nowMs, settings, settings.windowMs);
    const panic = this.#average(nowMs, settings, settings.panicWindowMs);
    const outcome = decideKpa(this.#kpa, { nowMs, ...sight, stable, panic });
    this.#kpa = outcome.state;
    const { scale, isPanicking, excessBurst } = outcome;
    return { scale: bounded(scale, settings), isPanicking, excessBurst };
  }

  #average(nowMs: number, { metric, isExponential }: ScalingSettings, ms: number): number {
    const of = (samples: Samples) =>
      isExponential ? samples.weightedAverage(nowMs, ms) : samples.average(nowMs, ms);
    const busy = of(this.#busy);
    if (metric !== "rps") return busy;
    // What goes on for long comes once, and is still there.
    return of(this.#requests) || (busy > 0 ? Number.MIN_VALUE : 0);
  }

  #measureAnew(nowMs: number, { windowMs }: ScalingSettings): void {
    this.#windowMs = windowMs;
    this.#busy = new Samples(windowMs, nowMs);
    this.#requests = new Samples(windowMs, nowMs);
  }
}
