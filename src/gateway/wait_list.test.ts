import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance, systemChance } from "../base/chance.ts";
import { type Place, WaitList } from "./wait_list.ts";

test("it is a queue that can be left from anywhere, as a plain array would be", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  const list = new WaitList<number>();
  let model: Place<number>[] = [];
  for (let step = 0; step < 5_000; step += 1) {
    const act = Math.floor(chance.fraction() * 5);
    if (act <= 1) model.push(list.push(step));
    if (act === 2) model.unshift(list.unshift(step));
    if (act === 3) assert.equal(list.shift(), model.shift()?.value, `seed ${seed}`);
    const any = model[Math.floor(chance.fraction() * model.length)];
    if (act === 4 && any !== undefined) {
      list.remove(any);
      list.remove(any);
      model = model.filter((place) => place !== any);
    }
    assert.equal(list.length, model.length, `seed ${seed}`);
  }
  while (model.length > 0) assert.equal(list.shift(), model.shift()?.value, `seed ${seed}`);
  assert.equal(list.shift(), undefined);
});
