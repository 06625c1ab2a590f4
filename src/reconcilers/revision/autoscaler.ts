import { type ObjectKey, pathOf } from "../../api/meta.ts";
import type { Clock } from "../../base/clock.ts";
import type { Gateway, Load } from "../../gateway/route_table.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Plan, Scaler, type Sight } from "../../scaling/scaler.ts";
import { bounded } from "../../scaling/settings.ts";
import { Gauges } from "./gauges.ts";

export interface AutoscalerOptions {
  readonly clock: Clock;
  readonly gateway: Gateway;
  readonly runtime: Runtime;
  /** What share of its memory this server has left. */
  readonly freeMemory: () => number;
}

/** What a look at a Revision has found, for the looks of the autoscaler until the next. */
export interface Facts extends Omit<Sight, "isPressed" | "ratios"> {
  /** How many instances there are, ready or not. */
  readonly present: number;
  /** It said of itself, the last time, that it needs none. */
  readonly isResting: boolean;
  /** Thousandths of a core that an instance asked for. */
  readonly cpuMillis: number;
}

interface Entry {
  readonly key: ObjectKey;
  readonly scaler: Scaler;
  facts: Facts;
  /** It was asked for then while it rested, and serves nobody yet. */
  woken?: Woken | undefined;
}

interface Call {
  readonly atMs: number;
  /** It serves already: a worker of the gateway has thawed it, which took so long. */
  readonly tookMs?: number;
}

interface Woken extends Call {
  readonly from: "frozen" | "stopped";
  /** When it was asked for last. */
  readonly heardMs: number;
}

/** What is known of a Revision that is awake, or was a moment ago: for metrics. */
export interface Figures extends Plan {
  readonly revision: string;
  readonly ready: number;
}

/** How often Revisions were woken so far, by the floor they were on, and how long that took. */
export interface Wakings {
  readonly from: "frozen" | "stopped";
  readonly count: number;
  readonly ms: number;
}

const TICK_MS = 2000;

/** Who serves already can wait a moment to be looked at: others may still need the processor. */
const SERVES_MS = 250;

/** That somebody waits is said every second: when it was not for so long, nobody did any more. */
const LEFT_MS = 5000;

/** Below this share of free memory, what is frozen is stopped. */
const PRESSED_BELOW = 0.1;

/** Of those that are frozen, so many at once: it takes a moment until their memory is back. */
const PRESSED_SHARE = 0.1;

/**
 * Looks every two seconds at each Revision that has instances, and says how many there should be.
 * What it keeps in mind is gone when we end: after that it starts from what there is.
 */
export class Autoscaler {
  readonly #options: AutoscalerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #gauges: Gauges;
  /** Those that are asked for, and have not been looked at since. */
  readonly #called = new Map<string, Call>();
  readonly #wakings = { frozen: { count: 0, ms: 0 }, stopped: { count: 0, ms: 0 } };
  #wake: (key: ObjectKey) => void = () => {};

  constructor(options: AutoscalerOptions) {
    this.#options = options;
    this.#gauges = new Gauges(options);
  }

  /** Follows the gateway and the clock from now on; wakes those for whom it has news. */
  run(wake: (key: ObjectKey) => void): Disposable {
    const { gateway } = this.#options;
    this.#wake = wake;
    const stack = new DisposableStack();
    stack.use(gateway.onWaiting((id) => this.activate(id)));
    stack.use(gateway.onWoken((id, tookMs) => this.#follow(id, tookMs)));
    stack.use(gateway.onLoad((loads) => this.#take(loads)));
    let timer = this.#tickLater();
    stack.defer(() => timer[Symbol.dispose]());
    this.#again = () => {
      timer = this.#tickLater();
    };
    return stack;
  }

  #again: () => void = () => {};

  /** What a Revision should have now, as far as is known. Keeps the facts for the time to come. */
  plan(key: ObjectKey, facts: Facts): Plan {
    const { settings, present, isResting } = facts;
    const id = pathOf(key);
    const now = this.#options.clock.elapsed();
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      const isFrozen = isResting && present > 0;
      const found = isResting ? present : Math.max(1, present);
      const scaler = new Scaler(now, { settings, present: found, isFrozen });
      entry = { key, scaler, facts };
      this.#entries.set(id, entry);
    }
    entry.facts = facts;
    const { scaler } = entry;
    const call = this.#called.get(id);
    this.#called.delete(id);
    if (call !== undefined) this.#awake(entry, call);
    if (settings.minScale > 0 || !settings.isToZero) scaler.activate(now, settings);
    const { plan } = scaler;
    return plan.floor === "awake" ? { ...plan, replicas: bounded(plan.replicas, settings) } : plan;
  }

  /** Since when a Revision is to be frozen; nothing when it is not. */
  frozenSince(key: ObjectKey): number | undefined {
    const scaler = this.#entries.get(pathOf(key))?.scaler;
    return scaler?.plan.floor === "frozen" ? scaler.sinceMs : undefined;
  }

  /** A request waits for it, or a Route is about to send it some. */
  activate(id: string): void {
    const entry = this.#entries.get(id);
    const atMs = this.#options.clock.elapsed();
    if (entry?.woken !== undefined) entry.woken = heard(entry.woken, atMs);
    // It has what it can have: that it is asked for is said again every second.
    const isKnown = entry?.scaler.plan.floor === "awake" && entry.facts.present > 0;
    if (isKnown) return;
    this.#call(id, { atMs });
    this.#wake(keyOf(id));
  }

  /** From which floor it was woken and how long that took, once, when it serves again. */
  awoke(key: ObjectKey): { readonly from: "frozen" | "stopped"; readonly ms: number } | undefined {
    const entry = this.#entries.get(pathOf(key));
    if (entry?.woken === undefined) return undefined;
    const { from, atMs, tookMs } = entry.woken;
    entry.woken = undefined;
    const ms = tookMs ?? this.#options.clock.elapsed() - atMs;
    this.#wakings[from].count += 1;
    this.#wakings[from].ms += ms;
    return { from, ms };
  }

  /** Of all Revisions that are not stopped. */
  figures(): readonly Figures[] {
    return [...this.#entries].map(([revision, { scaler, facts }]) => {
      return { revision, ready: facts.ready, ...scaler.plan };
    });
  }

  wakings(): readonly Wakings[] {
    const { frozen, stopped } = this.#wakings;
    return [
      { from: "frozen", ...frozen },
      { from: "stopped", ...stopped },
    ];
  }

  /** It is not to have any, whatever is asked. */
  forget(key: ObjectKey): void {
    this.#entries.delete(pathOf(key));
    this.#called.delete(pathOf(key));
  }

  /** A worker has thawed it by itself, so that it serves: what we say of it follows. */
  #follow(id: string, tookMs: number): void {
    const { clock } = this.#options;
    this.#call(id, { atMs: clock.elapsed(), tookMs });
    clock.after(SERVES_MS, () => this.#wake(keyOf(id)));
  }

  #call(id: string, call: Call): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#awake(entry, call);
    else if (!this.#called.has(id)) this.#called.set(id, call);
  }

  #awake(entry: Entry, call: Call): void {
    const { floor } = entry.scaler.plan;
    // What was thawed was frozen, whatever we had in mind for it.
    const from = call.tookMs === undefined ? floor : "frozen";
    if (floor !== "awake" && from !== "awake") {
      entry.woken = { from, heardMs: call.atMs, ...call };
    }
    entry.scaler.activate(this.#options.clock.elapsed(), entry.facts.settings);
  }

  #take(loads: readonly Load[]): void {
    const now = this.#options.clock.elapsed();
    for (const load of loads) {
      const entry = this.#entries.get(load.backend);
      entry?.scaler.take(load, now);
      if (entry?.scaler.plan.floor !== "awake" && load.busyMs > 0) this.activate(load.backend);
    }
  }

  #tickLater(): Disposable {
    return this.#options.clock.after(TICK_MS, () => {
      this.#again();
      this.#tick();
    });
  }

  #tick(): void {
    const { clock } = this.#options;
    const now = clock.elapsed();
    const pressed = this.#pressed();
    for (const [id, entry] of this.#entries) {
      const { scaler, facts, key } = entry;
      const before = scaler.plan;
      const ratios = facts.settings.class === "hpa" ? this.#gauges.ratiosOf(id, facts) : [];
      const sight = { ...facts, isPressed: pressed.has(id), ratios };
      const after = scaler.tick(now, sight);
      const isSame = after.replicas === before.replicas && after.floor === before.floor;
      if (!isSame) this.#wake(key);
      // It will be known again by what it says of itself.
      else if (after.floor === "stopped" && facts.present === 0) this.#entries.delete(id);
    }
  }

  /** When memory is short, those that have been frozen for longest. */
  #pressed(): ReadonlySet<string> {
    if (this.#options.freeMemory() >= PRESSED_BELOW) return new Set();
    const frozen = [...this.#entries].filter(([, { scaler }]) => scaler.plan.floor === "frozen");
    const oldest = frozen.toSorted(
      ([, one], [, other]) => one.scaler.sinceMs - other.scaler.sinceMs,
    );
    const count = Math.ceil(oldest.length * PRESSED_SHARE);
    return new Set(oldest.slice(0, count).map(([id]) => id));
  }
}

/** Whose time it is that a start takes: of the first who has waited without a gap since. */
function heard(woken: Woken, nowMs: number): Woken {
  const isAnother = nowMs - woken.heardMs > LEFT_MS;
  return { ...woken, ...(isAnother && { atMs: nowMs }), heardMs: nowMs };
}

/** "default/hello-00001" is the key of what has that path. */
function keyOf(path: string): ObjectKey {
  const [namespace, name = ""] = path.split("/");
  return { namespace, name };
}
