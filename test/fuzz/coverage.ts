/**
 * As `npm run fuzz`, led by coverage: an input that reaches a new place of the parser, or one more
 * often than any before, is kept and changed further. `npm run fuzz:coverage -- --minutes 10`
 * `[--seed N]`. Ends at the first input that throws, or that Node's own parser reads otherwise.
 */
import { Session } from "node:inspector";
import { parseArgs } from "node:util";
import { type Chance, seededChance, systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Facts } from "../../src/base/h1/facts.ts";
import { Framing } from "../../src/base/h1/framing.ts";
import { Head } from "../../src/base/h1/head.ts";
import { changed, difference, SEEDS } from "../../src/gateway/h1/differ.ts";
import { LIMITS } from "../../src/gateway/limits.ts";

/** Files of `h1`, in `src/base` and `src/gateway`, that read what came. */
const READERS = /\/h1\/(asking|bytes|compose|facts|fields|framing|head|intake|kept|scan)\.ts$/;
const BYTES_MAX = 4_000;
const ROUND = 32;

interface Found {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { startOffset: number; endOffset: number; count: number }[];
  }[];
}

/** Which places were reached, and about how often: by single inputs, and by rounds of them. */
class Coverage {
  readonly #session = new Session();
  readonly #seen = { input: new Set<string>(), round: new Set<string>() };
  readonly places = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Whether anything of it is new since the last time of asking. */
  take(of: "input" | "round"): boolean {
    const seen = this.#seen[of];
    const before = seen.size;
    // A session of the own thread answers at once.
    this.#session.post("Profiler.takePreciseCoverage", (_, answer) => {
      for (const script of answer?.result ?? []) {
        if (READERS.test(script.url)) this.#note(script, seen);
      }
    });
    return seen.size > before;
  }

  #note({ url, functions }: Found, seen: Set<string>): void {
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        if (count === 0) continue;
        const place = `${url}:${startOffset}-${endOffset}`;
        this.places.add(place);
        // Once, twice, a few times, many times: as classes, or each length would be news.
        seen.add(`${place}:${Math.ceil(Math.log2(count + 1))}`);
      }
    }
  }
}

/** The same bytes as what an instance has sent: nothing may be thrown. */
function readAsAnswer(bytes: Buffer): void {
  const head = new Head(LIMITS);
  const end = head.readAnswer(bytes, 0, bytes.length);
  if (end < 0) return;
  const facts = new Facts();
  if (facts.read(head, false) !== undefined) return;
  const framing = new Framing(new Head(LIMITS), LIMITS);
  if (facts.isChunked) framing.startChunks();
  else framing.startLength(Math.max(0, facts.length));
  framing.feed(bytes, end, bytes.length, { take: () => {} });
}

function problemOf(bytes: Buffer, chance: Chance): string | undefined {
  try {
    readAsAnswer(bytes);
    return difference(bytes, chance);
  } catch (thrown) {
    return `it throws ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : thrown}`;
  }
}

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? Math.floor(systemChance.fraction() * 2 ** 31));
const chance = seededChance(seed);
const any = (count: number) => Math.floor(chance.fraction() * count);
const coverage = new Coverage();
const answers = SEEDS.map((text) => text.replace(/^[^\r\n]*/, "HTTP/1.1 200 OK"));
const corpus = [...SEEDS, ...answers];
const untilMs = systemClock.elapsed() + Number(values.minutes) * 60_000;
let runs = 0;
let problem: string | undefined;
while (systemClock.elapsed() < untilMs && problem === undefined) runRound();
process.stdout.write(
  `${runs} inputs, seed ${seed}: ${corpus.length} kept, ${coverage.places.size} places reached: ` +
    `${problem === undefined ? "none" : "one"} crashed or was read in another way\n`,
);
process.exitCode = problem === undefined ? 0 : 1;

/** To ask for coverage costs more than an input, so it is asked for many at once. */
function runRound(): void {
  const inputs = Array.from({ length: ROUND }, nextInput);
  for (const text of inputs) run(text);
  if (!coverage.take("round")) return;
  for (const text of inputs) {
    run(text);
    if (coverage.take("input")) corpus.push(text);
  }
}

/** What was found last leads on most often. */
function nextInput(): string {
  const from = corpus[any(2) === 0 ? any(corpus.length) : corpus.length - 1 - any(50)] ?? "";
  const other = any(8) === 0 ? (corpus[any(corpus.length)] ?? "") : "";
  return changed(from + other, chance).slice(0, BYTES_MAX);
}

function run(text: string): void {
  runs += 1;
  const found = problemOf(Buffer.from(text, "latin1"), chance);
  if (found === undefined) return;
  problem ??= found;
  process.stdout.write(`${found}\n  ${JSON.stringify(text)}\n`);
}
