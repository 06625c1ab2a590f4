import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, systemClock } from "../base/clock.ts";
import type { RunRecord } from "./records.ts";
import type { Beginning, Driver } from "./run.ts";
import { Turns } from "./turns.ts";

/** A driver that begins nothing, and knows who has come to it; and time that a test passes. */
function bed(most: number) {
  const begun: string[] = [];
  const due: { readonly act: () => void; isOver: boolean }[] = [];
  const clock: Clock = {
    ...systemClock,
    after(_, act) {
      const timer = { act, isOver: false };
      due.push(timer);
      return {
        [Symbol.dispose]: () => {
          timer.isOver = true;
        },
      };
    },
  };
  const turns = new Turns(clock, most);
  const driver = turns.around({
    async begin({ spec }: Beginning<RunRecord>) {
      begun.push(spec.name);
      if (spec.name === "bad") throw new Error("it cannot be begun");
      return {};
    },
  } as unknown as Driver<RunRecord>);
  const begin = (name: string, signal = new AbortController().signal) =>
    driver.begin({ spec: { name }, signal } as unknown as Beginning<RunRecord>);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const passTime = async () => {
    for (const timer of due.splice(0)) if (!timer.isOver) timer.act();
    await settle();
  };
  return { begun, turns, begin, settle, passTime };
}

test("a few begin at a time, in the order of asking, and the next when one is done", async () => {
  const { begun, turns, begin, settle } = bed(2);
  const all = ["a", "b", "c", "d"].map((name) => begin(name));
  await settle();
  assert.deepEqual(begun, ["a", "b"]);
  turns.give("b");
  turns.give("b");
  turns.give("never");
  await settle();
  assert.deepEqual(begun, ["a", "b", "c"]);
  turns.give("a");
  await Promise.all(all);
  assert.deepEqual(begun, ["a", "b", "c", "d"]);
});

test("who takes long keeps nobody from beginning", async () => {
  const { begun, begin, settle, passTime } = bed(1);
  for (const name of ["slow", "b", "c"]) void begin(name);
  await settle();
  assert.deepEqual(begun, ["slow"]);
  await passTime();
  assert.deepEqual(begun, ["slow", "b"]);
  await passTime();
  assert.deepEqual(begun, ["slow", "b", "c"]);
});

test("who cannot be begun, or is stopped while it waits, takes nobody's turn", async () => {
  const { begun, turns, begin, settle } = bed(1);
  await assert.rejects(begin("bad"), /cannot be begun/);
  await begin("a");
  const stop = new AbortController();
  const stopped = assert.rejects(begin("stopped", stop.signal), /no more/);
  const last = begin("last");
  await settle();
  stop.abort(new Error("no more"));
  await stopped;
  await assert.rejects(begin("too late", stop.signal), /no more/);
  turns.give("a");
  await last;
  assert.deepEqual(begun, ["bad", "a", "last"]);
});
