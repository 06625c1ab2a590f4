import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, every, microTimestampOf, systemClock, timestampOf } from "./clock.ts";

test("times are written as Kubernetes writes them", () => {
  const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  assert.equal(timestampOf(ms), "2026-01-02T03:04:05Z");
  assert.equal(microTimestampOf(ms), "2026-01-02T03:04:05.678000Z");
  assert.match(systemClock.timestamp(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});

test("a sleep ends after its time, and not before", async () => {
  const before = systemClock.elapsed();
  await systemClock.sleep(20);
  assert(systemClock.elapsed() - before >= 19);
});

test("a sleep that is called off rejects with the reason", async () => {
  const reason = new Error("enough");
  await assert.rejects(
    systemClock.sleep(60_000, { signal: AbortSignal.abort(reason) }),
    (thrown) => {
      return thrown instanceof Error && (thrown === reason || thrown.cause === reason);
    },
  );
});

test("what is due in months is not done at once", async () => {
  const months = 100 * 24 * 3_600_000;
  const done: string[] = [];
  const stop = new AbortController();
  const slept = systemClock.sleep(months, { signal: stop.signal }).then(
    () => done.push("slept"),
    () => {},
  );
  using _ = systemClock.after(months, () => done.push("after"));
  await systemClock.sleep(20);
  stop.abort();
  await slept;
  assert.deepEqual(done, []);
});

test("what is disposed of before its time does not happen", async () => {
  const done: string[] = [];
  systemClock.after(1, () => done.push("no"))[Symbol.dispose]();
  await new Promise<void>((resolve) => {
    systemClock.after(5, () => {
      done.push("yes");
      resolve();
    });
    // Waiting for it must keep this process alive, which `after` itself does not.
    void systemClock.sleep(1000);
  });
  assert.deepEqual(done, ["yes"]);
});

test("something is done every so often, one after the other, until it is disposed of", async () => {
  const clock = steppedClock();
  const done: string[] = [];
  const finish: (() => void)[] = [];
  const timer = every(clock, 10, async () => {
    done.push("began");
    await new Promise<void>((resolve) => finish.push(resolve));
    done.push("ended");
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  clock.step();
  await turn();
  assert.deepEqual(
    [done, clock.waiting()],
    [["began"], 0],
    "the next is not due while one is at it",
  );
  finish.pop()?.();
  await turn();
  assert.deepEqual([done, clock.waiting()], [["began", "ended"], 1]);
  clock.step();
  await turn();
  timer[Symbol.dispose]();
  finish.pop()?.();
  await turn();
  assert.deepEqual([done, clock.waiting()], [["began", "ended", "began", "ended"], 0]);
});

function steppedClock() {
  const due = new Set<() => void>();
  const after: Clock["after"] = (_, act) => {
    due.add(act);
    return { [Symbol.dispose]: () => void due.delete(act) };
  };
  const step = () => {
    for (const act of due) {
      due.delete(act);
      act();
    }
  };
  return { ...systemClock, after, step, waiting: () => due.size };
}
