import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, seededChance, systemChance } from "./chance.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

for (const [name, make] of Object.entries({
  system: () => systemChance,
  seeded: () => seededChance(7),
})) {
  test(`${name} chance keeps to its forms`, () => {
    const chance: Chance = make();
    for (let times = 0; times < 200; times += 1) {
      const fraction = chance.fraction();
      assert(fraction >= 0 && fraction < 1);
      assert.match(chance.uuid(), UUID);
      assert.match(chance.suffix(5), /^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    }
    assert.equal(chance.suffix(0), "");
    assert.match(chance.token(32), /^[-_A-Za-z0-9]{43,64}$/);
  });
}

test("the same seed gives the same chances, another gives others", () => {
  const draw = (seed: number) => {
    const chance = seededChance(seed);
    return [chance.fraction(), chance.uuid(), chance.suffix(8), chance.token(8)];
  };
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

test("seeded fractions fill the whole of their range evenly", () => {
  const chance = seededChance(42);
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let times = 0; times < 10_000; times += 1) {
    const tenth = Math.floor(chance.fraction() * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  assert(
    tenths.every((count) => count > 850 && count < 1150),
    tenths.join(" "),
  );
});
