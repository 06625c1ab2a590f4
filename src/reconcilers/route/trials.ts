import { isDeepStrictEqual } from "node:util";
import { type ObjectKey, pathOf } from "../../api/meta.ts";
import type { Rollout, RolloutTrial } from "../../api/rollout.ts";
import type { RolloutGate } from "../../api/rollout_strategy.ts";
import { type Clock, timestampOf } from "../../base/clock.ts";
import type { Gateway, Load } from "../../gateway/route_table.ts";
import { type Judgement, Trial } from "../../trial/trial.ts";

export interface TrialsOptions {
  readonly clock: Clock;
  readonly gateway: Gateway;
}

interface Entry {
  readonly key: ObjectKey;
  readonly gate: RolloutGate;
  /** The backends of the new Revision, and of those that it is compared with. */
  readonly newest: string;
  readonly others: ReadonlySet<string>;
  readonly step: number | undefined;
  readonly trial: Trial;
  hasPassed: boolean;
  judgement: Judgement;
  /** What status tells of it: it is not written anew for each request. */
  shown: RolloutTrial;
  shownMs: number;
  /** Shows what has come since. */
  later?: Disposable | undefined;
}

/** How often status tells new figures, when nothing follows from them. */
const SHOWN_MS = 1000;

/**
 * The comparisons that are under way, one for each rollout that has a gate. What they have seen is
 * gone when we end; then they begin anew, and may be wrong less often: how often they have begun
 * stands in the status.
 */
export class Trials {
  readonly #options: TrialsOptions;
  readonly #entries = new Map<string, Entry>();
  /** Which of them a backend plays a part in. */
  readonly #ofBackend = new Map<string, Set<Entry>>();

  constructor(options: TrialsOptions) {
    this.#options = options;
  }

  /** Follows the gateway from now on; wakes a Route when something is to be done, or to say. */
  run(wake: (key: ObjectKey) => void): Disposable {
    return this.#options.gateway.onLoad((loads) => this.#take(loads, wake));
  }

  /** The same rollouts, with what has been seen of them since. */
  seen(route: ObjectKey, rollouts: readonly Rollout[]): readonly Rollout[] {
    return rollouts.map((rollout) => {
      const entry = this.#entries.get(idOf(route, rollout));
      const isSame = entry?.newest === backendOf(route, rollout.revisionName);
      return isSame && entry.step === rollout.step ? { ...rollout, trial: entry.shown } : rollout;
    });
  }

  /** Compares what takes part in these rollouts of a Route from now on, and nothing else of it. */
  follow(
    route: ObjectKey,
    rollouts: readonly Rollout[],
    gate: RolloutGate,
  ): { readonly rollouts: readonly Rollout[]; readonly compared: readonly string[] } {
    const isCompared = gate.errors !== undefined || gate.latency !== undefined;
    const running = isCompared ? rollouts.filter(({ phase }) => phase !== "Aborted") : [];
    const ids = new Set(running.map((rollout) => idOf(route, rollout)));
    const prefix = `${pathOf(route)} `;
    for (const [id, entry] of this.#entries) {
      if (id.startsWith(prefix) && !ids.has(id)) this.#forget(id, entry);
    }
    const entries = new Map(
      running.map((rollout) => [rollout, this.#keep(route, rollout, gate)] as const),
    );
    const compared = [...entries.values()].flatMap(({ newest, others }) => [newest, ...others]);
    return {
      compared: [...new Set(compared)].sort(),
      rollouts: rollouts.map((rollout) => {
        const { trial: _, ...rest } = rollout;
        const shown = entries.get(rollout)?.shown;
        return shown === undefined ? rest : { ...rest, trial: shown };
      }),
    };
  }

  #keep(route: ObjectKey, rollout: Rollout, gate: RolloutGate): Entry {
    const id = idOf(route, rollout);
    const known = this.#entries.get(id);
    const newest = backendOf(route, rollout.revisionName);
    const names = rollout.revisions.map(({ revisionName }) => backendOf(route, revisionName));
    const others = new Set(names.filter((name) => name !== newest));
    const isSame = known?.newest === newest && isDeepStrictEqual(known.others, others);
    if (isSame && known.step === rollout.step && isDeepStrictEqual(known.gate, gate)) return known;
    if (known !== undefined) this.#forget(id, known);
    const nowMs = this.#options.clock.elapsed();
    const before = rollout.trial;
    const isGoingOn = known?.newest === newest;
    const round = ((isGoingOn ? known.trial.round : before?.round) ?? 0) + 1;
    const trial = new Trial({ gate, round, nowMs });
    const hasPassed = known === undefined && before?.hasPassed === true;
    const parts = { newest, others, gate, step: rollout.step, trial, hasPassed };
    const judgement = trial.judge(nowMs);
    const shown = this.#shown({ trial, judgement, hasPassed });
    const entry: Entry = { key: route, ...parts, judgement, shown, shownMs: nowMs };
    this.#entries.set(id, entry);
    for (const backend of [newest, ...others]) {
      this.#ofBackend.set(backend, (this.#ofBackend.get(backend) ?? new Set()).add(entry));
    }
    return entry;
  }

  #forget(id: string, entry: Entry): void {
    this.#entries.delete(id);
    entry.later?.[Symbol.dispose]();
    for (const backend of [entry.newest, ...entry.others]) {
      const all = this.#ofBackend.get(backend);
      all?.delete(entry);
      if (all?.size === 0) this.#ofBackend.delete(backend);
    }
  }

  #take(loads: readonly Load[], wake: (key: ObjectKey) => void): void {
    const nowMs = this.#options.clock.elapsed();
    const touched = new Set<Entry>();
    for (const { backend, outcomes } of loads) {
      if (outcomes === undefined) continue;
      for (const entry of this.#ofBackend.get(backend) ?? []) {
        entry.trial.take(backend === entry.newest ? "new" : "old", outcomes, nowMs);
        touched.add(entry);
      }
    }
    for (const entry of touched) this.#judge(entry, wake);
  }

  #judge(entry: Entry, wake: (key: ObjectKey) => void): void {
    const { clock } = this.#options;
    const nowMs = clock.elapsed();
    const before = entry.judgement.verdict;
    entry.judgement = entry.trial.judge(nowMs);
    const { verdict } = entry.judgement;
    const show = () => {
      entry.later?.[Symbol.dispose]();
      entry.later = undefined;
      entry.shown = this.#shown(entry);
      entry.shownMs = clock.elapsed();
      wake(entry.key);
    };
    entry.hasPassed ||= verdict === "Fine";
    const waitMs = entry.shownMs + SHOWN_MS - nowMs;
    const isNews = verdict !== before && verdict !== "NotEnoughTraffic";
    if (isNews || waitMs <= 0) show();
    else entry.later ??= clock.after(waitMs, show);
  }

  #shown({ trial, judgement, hasPassed }: Pick<Entry, "trial" | "judgement" | "hasPassed">) {
    const { verdict, figures, needed } = judgement;
    const { clock } = this.#options;
    const { sinceMs, requests, failed, percentileMs, hung } = figures;
    const sinceTime = timestampOf(clock.now() - (clock.elapsed() - sinceMs));
    return {
      ...{ verdict, round: trial.round, hasPassed: hasPassed || verdict === "Fine" },
      ...{ sinceTime, requests, failed, needed },
      ...(percentileMs !== undefined && { percentileMs }),
      ...(hung.new + hung.old > 0 && { hung }),
    };
  }
}

function idOf(route: ObjectKey, { configurationName, tag = "" }: Rollout): string {
  return `${pathOf(route)} ${configurationName} ${tag}`;
}

function backendOf({ namespace = "default" }: ObjectKey, revision = ""): string {
  return `${namespace}/${revision}`;
}
