/**
 * Compares our reading of requests of HTTP/1.1 with that of Node's own parser, over many made-up
 * ones; and what we read of frames of HTTP/2 with what we read when they come in other pieces.
 * Clients of HTTP/2 that say such things are served too: nothing may be thrown by that.
 * `node test/fuzz/differ.ts [--cases 1000000] [--seed N] [--protocol h1|h2]`
 */
import { parseArgs } from "node:util";
import { type Chance, seededChance, systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { makeDataPlane } from "../../src/gateway/data_plane.ts";
import * as H1 from "../../src/gateway/h1/differ.ts";
import * as H2 from "../../src/gateway/h2/fuzzing.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000000" },
    seed: { type: "string" },
    protocol: { type: "string" },
  },
});
const seed = Number(values.seed ?? Math.floor(systemChance.fraction() * 2 ** 31));
const cases = Number(values.cases);
const isWanted = (protocol: string) => (values.protocol ?? protocol) === protocol;
/** Of a client that is served, so many are only read: that costs less. */
const SERVED_EACH = 10;

if (isWanted("h1")) await run("requests of HTTP/1.1", H1.anyBytes, H1.difference);
if (isWanted("h2")) await runStreams();

type Judge = (bytes: Buffer, chance: Chance, at: number) => string | undefined | Promise<undefined>;

async function run(what: string, anyBytes: (chance: Chance) => Buffer, judge: Judge) {
  const chance = seededChance(seed);
  let differing = 0;
  for (let at = 0; at < cases && differing < 10; at += 1) {
    const bytes = anyBytes(chance);
    const found = await judge(bytes, chance, at);
    if (found === undefined) continue;
    differing += 1;
    process.stdout.write(`case ${at}: ${found}\n  ${JSON.stringify(bytes.toString("latin1"))}\n`);
  }
  process.stdout.write(`${cases} ${what}, seed ${seed}: ${differing} read in another way\n`);
  if (differing > 0) process.exitCode = 1;
}

async function runStreams(): Promise<void> {
  const world = { clock: systemClock, chance: systemChance };
  const plane = makeDataPlane({
    ...world,
    isSettled: () => true,
    waiting: () => {},
    woke: () => {},
  });
  await run("clients of HTTP/2", H2.anyBytes, (bytes, chance, at) => {
    const whole = H2.toldOf([bytes]).join("\n");
    const pieces = H2.anyCuts(bytes, chance);
    if (H2.toldOf(pieces).join("\n") !== whole) return "in pieces it is something else";
    return at % SERVED_EACH === 0 ? served(pieces) : undefined;
  });
  await plane.streams.close();

  async function served(pieces: readonly Buffer[]): Promise<undefined> {
    await H2.serveAny(plane.streams, pieces);
  }
}
