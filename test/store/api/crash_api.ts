import { parseArgs } from "node:util";
import { type Chance, seededChance } from "../../../src/base/chance.ts";
import { Directory } from "../directory.ts";
import { ApiHome } from "./api_home.ts";
import { Book } from "./book.ts";
import { Watcher } from "./watcher.ts";
import type { Wire } from "./wire.ts";
import { Writer } from "./writer.ts";

export interface Crashes {
  readonly kills: number;
  readonly seed: number;
}

const WRITERS = 64;
const WATCHERS = 16;
/** How many answers a server gives at most before it is killed, and how much later that is. */
const ANSWERS_MAX = 400;
const LATER_MS_MAX = 20;

/**
 * Kills an API server at random moments while writers write and watchers watch over HTTPS, and
 * looks each time, by its API, whether the next one has all that was answered, and nothing that
 * nobody asked for; and whether each watcher, who goes on where it was, has been told all of it
 * once, in order, and nothing that is gone. Says how it went, or throws what is wrong.
 */
export async function crashApi({ kills, seed }: Crashes): Promise<string> {
  using directory = new Directory();
  await using home = await ApiHome.make(directory.store);
  const chance = seededChance(seed);
  const book = new Book();
  const watchers = Array.from(
    { length: WATCHERS },
    (_, at) => new Watcher(book, { isLeader: at === 0 }),
  );
  const writers = Array.from({ length: WRITERS }, (_, at) => new Writer(book, at));
  const startsMs: number[] = [];
  for (let round = 0; round <= kills; round += 1) {
    const began = performance.now();
    const wire = await home.start();
    startsMs.push(performance.now() - began);
    try {
      await book.check(wire);
      for (const watcher of watchers) watcher.check();
      if (round < kills) await live(wire, { home, book, watchers, writers, chance });
    } catch (cause) {
      throw new Error(`seed ${seed}, kill ${round} of ${kills}`, { cause });
    }
  }
  startsMs.sort((one, other) => one - other);
  const { answered, whole, absent } = book;
  const told = watchers.reduce((sum, watcher) => sum + watcher.told, 0);
  return [
    `crash: ${kills} kills under ${WRITERS} writers and ${WATCHERS} watchers over HTTPS`,
    `all ${answered} answered writes were there`,
    `${whole} of the others were there whole and ${absent} absent`,
    `${told} events told, each once and in order`,
    `restart p50 ${Math.round(startsMs[startsMs.length >> 1] ?? 0)} ms`,
    `seed ${seed}`,
  ].join("; ");
}

interface Living {
  readonly home: ApiHome;
  readonly book: Book;
  readonly watchers: readonly Watcher[];
  readonly writers: readonly Writer[];
  readonly chance: Chance;
}

async function live(wire: Wire, { home, book, watchers, writers, chance }: Living): Promise<void> {
  const watching = watchers.map((watcher) => watcher.run(wire));
  const writing = writers.map((writer) => writer.run(wire, chance));
  await book.answers(1 + Math.floor(chance.fraction() * ANSWERS_MAX));
  await new Promise((resolve) => setTimeout(resolve, chance.fraction() * LATER_MS_MAX));
  await home.kill();
  await Promise.all([...watching, ...writing]);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { kills: { type: "string" }, seed: { type: "string" } },
  });
  const { kills = "1000", seed = Date.now() % 1_000_000 } = values;
  process.stdout.write(`${await crashApi({ kills: Number(kills), seed: Number(seed) })}\n`);
}
