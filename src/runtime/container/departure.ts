import type { Clock } from "../../base/clock.ts";
import { read } from "../../base/schema_reading.ts";
import type { Engine } from "./engine.ts";
import { CONTAINERS, KILLED } from "./engine_schema.ts";

/** When nothing runs any more, an engine that ends takes a few seconds over itself. */
const DEPARTS_MS = 10_000;
/** How far back it is asked whom it has told to end. */
const TOLD_MS = 120_000;
const ASK_MS = 5000;
/** SIGHUP, SIGKILL, SIGUSR1 and SIGUSR2: no engine that ends begins with one of these. */
const OTHERWISE: readonly string[] = ["1", "9", "10", "12"];

/**
 * Whether an engine is about to end. Some serve on while they end all that they run, and do not
 * say so: what is begun by them then is ended by nobody, and its mounts stay below those of the
 * engine that comes next. But they can tell whom they have told to end.
 */
export class Departure {
  readonly #clock: Clock;
  /** Containers that have ended, and not by us. */
  readonly #ended = new Set<string>();
  /** Containers that were told to end; the engine does not remember them for long. */
  readonly #told = new Set<string>();
  #lastMs = 0;
  #looking: Promise<boolean> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A container has ended, and we did not tell it to. */
  noteEnd(id: string): void {
    this.#ended.add(id);
    this.#lastMs = this.#clock.elapsed();
  }

  async isNear(engine: Engine): Promise<boolean> {
    if (this.#ended.size === 0) return false;
    this.#looking ??= this.#look(engine).finally(() => {
      this.#looking = undefined;
    });
    return await this.#looking;
  }

  async #look(engine: Engine): Promise<boolean> {
    const ended = [...this.#ended];
    if (await this.#departs(engine, ended)) return true;
    for (const id of ended) this.#ended.delete(id);
    if (this.#ended.size === 0) this.#told.clear();
    return false;
  }

  async #departs(engine: Engine, ended: readonly string[]): Promise<boolean> {
    try {
      for (const id of await this.#toldLately(engine)) this.#told.add(id);
      if (!ended.some((id) => this.#told.has(id))) return false;
      const running = await engine.get("/containers/json", CONTAINERS);
      // Whoever departs tells all of them at once.
      if (running.some(({ Id }) => !this.#told.has(Id))) return false;
      return running.length > 0 || this.#clock.elapsed() - this.#lastMs < DEPARTS_MS;
    } catch {
      // What cannot be found out keeps nobody from beginning, unless it is gone by now.
      return await engine.ping().then(
        () => false,
        () => true,
      );
    }
  }

  /** The containers that somebody has told to end by this engine, as far as it remembers. */
  async #toldLately(engine: Engine): Promise<readonly string[]> {
    const nowMs = this.#clock.now();
    const [since, until] = [nowMs - TOLD_MS, nowMs].map((ms) => (ms / 1000).toFixed(3));
    const filters = JSON.stringify({ type: ["container"], event: ["kill"] });
    const over = new AbortController();
    using _ = this.#clock.after(ASK_MS, () => over.abort());
    const query = { since, until, filters };
    const text = await engine.text("/events", { query, signal: over.signal });
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    return lines.flatMap((line) => {
      const { Actor: { ID = "", Attributes: { signal = "" } = {} } = {} } = eventIn(line);
      return OTHERWISE.includes(signal) ? [] : [ID];
    });
  }
}

function eventIn(line: string) {
  return read(KILLED, JSON.parse(line)).value;
}
