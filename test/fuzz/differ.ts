/**
 * Compares our reading of requests with that of Node's own parser, over many made-up ones.
 * `node test/fuzz/differ.ts [--cases 1000000] [--seed N]`
 */
import { parseArgs } from "node:util";
import { seededChance, systemChance } from "../../src/base/chance.ts";
import { anyBytes, difference } from "../../src/gateway/h1/differ.ts";

const { values } = parseArgs({
  options: { cases: { type: "string", default: "1000000" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? Math.floor(systemChance.fraction() * 2 ** 31));
const cases = Number(values.cases);
const chance = seededChance(seed);
let differing = 0;
for (let at = 0; at < cases && differing < 10; at += 1) {
  const bytes = anyBytes(chance);
  const what = difference(bytes, chance);
  if (what === undefined) continue;
  differing += 1;
  process.stdout.write(`case ${at}: ${what}\n  ${JSON.stringify(bytes.toString("latin1"))}\n`);
}
process.stdout.write(`${cases} requests, seed ${seed}: ${differing} read in another way\n`);
process.exitCode = differing === 0 ? 0 : 1;
