import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance, systemChance } from "../../base/chance.ts";
import { type Attack, CORPUS } from "./corpus.ts";
import { anyBytes, difference, nodeReading, ourReading } from "./differ.ts";

const CASES = 20_000;

test("both parsers read what is in order, so that they can be compared at all", () => {
  const isServed = ({ codes, sent }: Attack) => codes.length === 2 && !sent.includes("Upgrade");
  const served = CORPUS.filter(isServed);
  for (const { sent, title } of served) {
    const bytes = Buffer.from(sent, "latin1");
    assert.equal(ourReading([bytes]).messages.length, 2, title);
    assert.equal(nodeReading(bytes).length, 2, title);
  }
});

test("what we accept, Node's own parser accepts as well, and frames in the same way", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  let accepted = 0;
  for (let at = 0; at < CASES; at += 1) {
    const bytes = anyBytes(chance);
    const what = difference(bytes, chance);
    assert.equal(what, undefined, `seed ${seed}: ${JSON.stringify(bytes.toString("latin1"))}`);
    accepted += ourReading([bytes]).messages.length > 0 ? 1 : 0;
  }
  // Were all refused, nothing would have been compared.
  assert(accepted > CASES / 20, `seed ${seed}: ${accepted} were accepted`);
});
