/**
 * As `npm run fuzz`, led by coverage: an input that reaches a new place of the parser, or one more
 * often than any before, is kept and changed further. `npm run fuzz:coverage -- --minutes 10`
 * `[--seed N]`. Ends at the first input that throws, or that Node's own parser reads otherwise.
 */
import { parseArgs } from "node:util";
import { type Chance, seededChance, systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { cells, countPlacesOf, placeCount } from "./counted.ts";

/** Files of `h1`, in `src/base` and `src/gateway`, that read what came. */
const READERS = /\/h1\/(asking|bytes|compose|facts|fields|framing|head|intake|kept|scan)\.ts$/;
const BYTES_MAX = 4_000;
/** Between two looks at the clock. */
const ROUND = 256;

countPlacesOf(READERS);
const { changed, SEEDS } = await import("../../src/gateway/h1/differ.ts");
const { problemOf } = await import("./reading.ts");

/** The counts that each place was seen with, as classes: or each length would be news. */
const seen = new Uint8Array(cells.length);

/** Whether the last input has reached anything new. */
function hasNews(): boolean {
  let isNew = false;
  const count = placeCount();
  for (let place = 0; place < count; place += 1) {
    const times = cells[place] ?? 0;
    if (times === 0) continue;
    cells[place] = 0;
    // Once, twice, a few times, many times: a bit each.
    const bit = 1 << Math.min(7, 31 - Math.clz32(times));
    const known = seen[place] ?? 0;
    if ((known & bit) !== 0) continue;
    seen[place] = known | bit;
    isNew = true;
  }
  return isNew;
}

/** What was found last leads on most often; now and then with a piece of another in it. */
function nextInput(corpus: readonly string[], chance: Chance): string {
  const any = (count: number) => Math.floor(chance.fraction() * count);
  const last = corpus.length - 1 - any(Math.min(50, corpus.length));
  const from = corpus[any(2) === 0 ? any(corpus.length) : last] ?? "";
  const other = corpus[any(corpus.length)] ?? "";
  const [at, begin] = [any(from.length + 1), any(other.length + 1)];
  const piece = any(4) === 0 ? other.slice(begin) : other.slice(begin, begin + any(30));
  const way = any(8);
  if (way === 0) return changed(from + other, chance).slice(0, BYTES_MAX);
  const mixed = way < 4 ? from.slice(0, at) + piece + from.slice(at + any(2) * any(30)) : from;
  return (way === 1 ? mixed : changed(mixed, chance)).slice(0, BYTES_MAX);
}

function search(minutes: number, seed: number): boolean {
  const chance = seededChance(seed);
  const answers = SEEDS.map((text) => text.replace(/^[^\r\n]*/, "HTTP/1.1 200 OK"));
  const corpus = [...SEEDS, ...answers];
  const beganMs = systemClock.elapsed();
  const untilMs = beganMs + minutes * 60_000;
  let runs = 0;
  let problem: string | undefined;
  const run = (text: string) => {
    runs += 1;
    problem = problemOf(Buffer.from(text, "latin1"), chance);
    if (problem !== undefined) process.stdout.write(`${problem}\n  ${JSON.stringify(text)}\n`);
    return hasNews();
  };
  for (const text of corpus) run(text);
  while (problem === undefined && (runs % ROUND !== 0 || systemClock.elapsed() < untilMs)) {
    const text = nextInput(corpus, chance);
    if (run(text)) corpus.push(text);
  }
  const perSecond = Math.round(runs / ((systemClock.elapsed() - beganMs) / 1000));
  const reached = seen.filter((known) => known !== 0).length;
  process.stdout.write(
    `${runs} inputs, ${perSecond}/s, seed ${seed}: ${corpus.length} kept, ` +
      `${reached} of ${placeCount()} places reached: ` +
      `${problem === undefined ? "none" : "one"} crashed or was read in another way\n`,
  );
  return problem === undefined;
}

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? Math.floor(systemChance.fraction() * 2 ** 31));
process.exitCode = search(Number(values.minutes), seed) ? 0 : 1;
