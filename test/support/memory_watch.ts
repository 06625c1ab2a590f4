import { readFileSync } from "node:fs";
import { type Point, slopeOf } from "./slope.ts";

const EVERY_MS = 5000;
/** What a process takes while it warms up says nothing of how it goes on. */
const WARM_MS = 600_000;
const TELLING_MS_MIN = 900_000;
const HOUR_MS = 3_600_000;
/** Garbage piles up between two collections: what a process needs is the least of such a time. */
const COLLECTED_MS = 180_000;
/** A process that grows by more than this in an hour is taken to leak. */
const PER_HOUR_MAX_MB = 10;

type Pids = () => Promise<ReadonlyMap<number, string>>;

interface Life {
  readonly part: string;
  readonly beganMs: number;
  readonly points: Point[];
}

/** Looks every few seconds what processes take, each from its beginning to its end. */
export class MemoryWatch implements Disposable {
  readonly #pids: Pids;
  readonly #lives = new Map<number, Life>();
  readonly #timer: NodeJS.Timeout;

  constructor(pids: Pids) {
    this.#pids = pids;
    this.#timer = setInterval(() => void this.#look().catch(() => {}), EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** Says how each part grew. Answers with false when one of them grew too much. */
  tell(): boolean {
    const parts = Map.groupBy(this.#lives.values(), ({ part }) => part);
    const verdicts = [...parts].map(([part, lives]) => tellPart(part, lives));
    return verdicts.every((isWell) => isWell);
  }

  async #look(): Promise<void> {
    const atMs = performance.now();
    for (const [pid, part] of await this.#pids()) {
      const value = memoryMb(pid);
      if (value === undefined) continue;
      const life = this.#lives.get(pid) ?? { part, beganMs: atMs, points: [] };
      life.points.push({ atMs, value });
      this.#lives.set(pid, life);
    }
  }
}

function tellPart(part: string, lives: readonly Life[]): boolean {
  const all = lives.flatMap(({ points }) => points.map(({ value }) => value));
  const most = Math.round(all.reduce((one, other) => Math.max(one, other), 0));
  const runs = lives.map(({ beganMs, points }) => {
    return leastOfEach(
      COLLECTED_MS,
      points.filter(({ atMs }) => atMs - beganMs >= WARM_MS),
    );
  });
  const watchedMs = runs.reduce((sum, run) => sum + lengthOf(run), 0);
  const slope = slopeOf(runs);
  const head = `${part}: at most ${most} MB in ${lives.length} processes`;
  if (slope === undefined || watchedMs < TELLING_MS_MIN) {
    say(`${head}; too short a time to say whether it grows`);
    return true;
  }
  const { perHour, give, points } = slope;
  const isWell = perHour - give <= PER_HOUR_MAX_MB;
  const verdict = isWell ? "it does not grow" : `it grows by more than ${PER_HOUR_MAX_MB} MB`;
  const measured = `${points} points over ${(watchedMs / HOUR_MS).toFixed(1)} h`;
  say(`${head}; ${perHour.toFixed(1)} ± ${give.toFixed(1)} MB an hour (${measured}): ${verdict}`);
  return isWell;
}

/** Of each stretch of so many milliseconds the point with the least value. */
function leastOfEach(stretchMs: number, points: readonly Point[]): readonly Point[] {
  const [{ atMs: beganMs } = { atMs: 0 }] = points;
  const stretches = Map.groupBy(points, ({ atMs }) => Math.floor((atMs - beganMs) / stretchMs));
  return [...stretches.values()].flatMap((some) =>
    some.toSorted((one, other) => one.value - other.value).slice(0, 1),
  );
}

function lengthOf(run: readonly Point[]): number {
  return (run.at(-1)?.atMs ?? 0) - (run[0]?.atMs ?? 0);
}

/** What a process has in memory that is not shared; nothing when it is gone. */
function memoryMb(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    const kb = /^RssAnon:\s+(\d+) kB/m.exec(text)?.[1];
    return kb === undefined ? undefined : Number(kb) / 1024;
  } catch {
    return undefined;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
