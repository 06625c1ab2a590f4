import assert from "node:assert/strict";
import { test } from "node:test";
import { inTwoSteps, type Part, startAll } from "./start_all.ts";

/** Parts that write down what befalls them. */
function bed() {
  const told: string[] = [];
  const part = (name: string, act: () => Promise<void> = async () => {}): Part => ({
    async start() {
      told.push(`${name} starts`);
      await act();
      told.push(`${name} started`);
    },
    async [Symbol.asyncDispose]() {
      told.push(`${name} ends`);
    },
  });
  return { told, part };
}

test("what starts in two steps is there where it is awaited, not before", async () => {
  const { told, part } = bed();
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = inTwoSteps(part("slow", () => promise));
  const last = part("last", async () => resolve());
  const started = await startAll([slow.begin, last, slow.settle]);
  await started[Symbol.asyncDispose]();
  assert.deepEqual(told.slice(0, 2), ["slow starts", "last starts"]);
  assert.deepEqual(new Set(told.slice(2, 4)), new Set(["last started", "slow started"]));
  assert.deepEqual(told.slice(4), ["last ends", "slow ends"]);
});

test("one that fails to start in its own time is told where it is awaited, and ended", async () => {
  const { told, part } = bed();
  const failing = inTwoSteps(part("failing", () => Promise.reject(new Error("no"))));
  const starting = startAll([failing.begin, part("other"), failing.settle, part("never")]);
  await assert.rejects(starting, /^Error: no$/);
  assert.deepEqual(told.slice(-2), ["other ends", "failing ends"]);
  assert.ok(!told.includes("never starts"));
});

test("one that is still starting when another fails is ended once it has", async () => {
  const { told, part } = bed();
  const slow = inTwoSteps(part("slow", () => new Promise((resolve) => setTimeout(resolve, 20))));
  const failing = part("failing", () => Promise.reject(new Error("no")));
  await assert.rejects(startAll([slow.begin, failing, slow.settle]), /^Error: no$/);
  assert.deepEqual(told.slice(-2), ["slow started", "slow ends"]);
});
