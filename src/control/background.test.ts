import assert from "node:assert/strict";
import { test } from "node:test";
import { countingChance } from "../../test/world/desk.ts";
import { WorldClock } from "../../test/world/world_clock.ts";
import { Background } from "./background.ts";

const clock = new WorldClock();
const again = { firstMs: 10_000, mostMs: 40_000 };
const options = { clock, chance: countingChance(), again };

test("work is begun once, and remembered when it has gone well", async () => {
  const background = new Background<number>(options);
  const told = toldBy(background);
  let begun = 0;
  const act = async () => {
    begun += 1;
    return 42;
  };
  assert.equal(background.ask("a", { act }), "running");
  assert.equal(background.ask("a", { act }), "running");
  await turn();
  assert.deepEqual(background.ask("a", { act }), { value: 42 });
  assert.deepEqual({ begun, told }, { begun: 1, told: ["a"] });
});

test("work that failed is told as failed until it is tried again, later and later", async () => {
  const background = new Background<string>(options);
  const told = toldBy(background);
  const error = new Error("no such host");
  const failing = { act: () => Promise.reject(error) };
  background.ask("a", failing);
  await turn();
  // The fraction is one half, so that a tenth is taken off every pause.
  assert.deepEqual(background.ask("a", failing), { error, againAfterMs: 9000 });
  clock.pass(9);
  assert.deepEqual(background.ask("a", failing), { error, againAfterMs: 0 }, "it is tried now");
  await turn();
  assert.deepEqual(background.ask("a", failing), { error, againAfterMs: 18_000 });
  clock.pass(18);
  const going = { act: async () => "here" };
  assert.deepEqual(background.ask("a", going), { error, againAfterMs: 0 });
  await turn();
  assert.deepEqual(background.ask("a", going), { value: "here" });
  assert.deepEqual(told, ["a", "a", "a"]);
});

test("asked about something else it is other work, and begins at once", async () => {
  const background = new Background<string>(options);
  const failing = { act: () => Promise.reject(new Error("unauthorized")), about: "no password" };
  background.ask("a", failing);
  await turn();
  const going = { act: async () => "here", about: "a password" };
  assert.equal(background.ask("a", going), "running");
  await turn();
  assert.deepEqual(background.ask("a", going), { value: "here" });
});

test("the outcome of forgotten work is dropped, and not taken for that of the next", async () => {
  const background = new Background<string>(options);
  const told = toldBy(background);
  const first = Promise.withResolvers<string>();
  background.ask("a", { act: () => first.promise });
  background.forget("a");
  const second = Promise.withResolvers<string>();
  background.ask("a", { act: () => second.promise });
  first.resolve("first");
  await turn();
  assert.equal(background.ask("a", { act: () => second.promise }), "running");
  second.resolve("second");
  await turn();
  assert.deepEqual(background.ask("a", { act: () => second.promise }), { value: "second" });
  assert.deepEqual(told, ["a"]);
});

test("a forgetful one keeps no memory of what went well", async () => {
  const background = new Background<void>({ ...options, isForgetful: true });
  const told = toldBy(background);
  background.ask("a", { act: async () => {} });
  await turn();
  assert.deepEqual({ told, size: background.size }, { told: ["a"], size: 0 });
});

function toldBy(background: Background<never> | Background<unknown>): readonly string[] {
  const told: string[] = [];
  background.watch((name) => told.push(name));
  return told;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
