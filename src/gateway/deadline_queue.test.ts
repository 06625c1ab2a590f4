import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance, systemChance } from "../base/chance.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { DeadlineQueue, type Due, NOWHERE } from "./deadline_queue.ts";
import { Deadlines, type Limit } from "./deadlines.ts";

/** Time that passes when a test says so, and what waits for it. */
class Hours {
  elapsedMs = 0;
  readonly #timers = new Map<() => void, number>();
  readonly clock: Clock = {
    ...systemClock,
    elapsed: () => this.elapsedMs,
    after: (ms, act) => {
      this.#timers.set(act, this.elapsedMs + ms);
      return { [Symbol.dispose]: () => void this.#timers.delete(act) };
    },
  };

  get timers(): number {
    return this.#timers.size;
  }

  pass(ms: number): void {
    const until = this.elapsedMs + ms;
    for (;;) {
      const [next] = [...this.#timers].toSorted(([, one], [, other]) => one - other);
      if (next === undefined || next[1] > until) break;
      this.#timers.delete(next[0]);
      this.elapsedMs = next[1];
      next[0]();
    }
    this.elapsedMs = until;
  }
}

class Entry implements Due {
  queuePlace = NOWHERE;
  readonly #act: (now: number) => void;

  constructor(act: (now: number) => void) {
    this.#act = act;
  }

  due(now: number): void {
    this.#act(now);
  }
}

test("each is due once, at its time and not before, whatever is moved or removed", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  const hours = new Hours();
  const queue = new DeadlineQueue(hours.clock);
  const wanted = new Map<Entry, number>();
  const entries = Array.from({ length: 200 }, () => {
    const entry: Entry = new Entry((now) => {
      assert.equal(now, wanted.get(entry), `seed ${seed}`);
      assert.equal(entry.queuePlace, NOWHERE);
      wanted.delete(entry);
    });
    return entry;
  });
  for (let step = 0; step < 20_000; step += 1) {
    const entry = entries[Math.floor(chance.fraction() * entries.length)] as Entry;
    if (chance.fraction() < 0.2) {
      queue.remove(entry);
      wanted.delete(entry);
    } else {
      const at = hours.elapsedMs + 1 + Math.floor(chance.fraction() * 100);
      queue.put(entry, at);
      wanted.set(entry, at);
    }
    if (chance.fraction() < 0.1) hours.pass(Math.floor(chance.fraction() * 10));
    assert.equal(queue.size, wanted.size, `seed ${seed}`);
    assert.equal(queue.timeOf(entry), wanted.get(entry) ?? Infinity, `seed ${seed}`);
    assert.ok(hours.timers <= 1, "one timer for all");
  }
  hours.pass(100);
  assert.deepEqual([queue.size, wanted.size], [0, 0]);
});

test("one that fails does not keep the others from being told", () => {
  const hours = new Hours();
  const queue = new DeadlineQueue(hours.clock);
  const said: string[] = [];
  queue.put(new Entry(() => assert.fail("broken")), 5);
  queue.put(new Entry(() => said.push("other")), 5);
  assert.throws(() => hours.pass(5), /broken/);
  hours.pass(1);
  assert.deepEqual(said, ["other"]);
});

test("limits expire in time, are moved away, and are nothing after the end", () => {
  const hours = new Hours();
  const queue = new DeadlineQueue(hours.clock);
  const said: [Limit, number][] = [];
  const limited = { expire: (limit: Limit) => void said.push([limit, hours.elapsedMs]) };
  const deadlines = new Deadlines(queue, limited);
  deadlines.set("whole", 50);
  deadlines.set("head", 10);
  deadlines.set("write", 20);
  hours.pass(9);
  deadlines.set("head", 10);
  deadlines.clear("write");
  hours.pass(20);
  assert.deepEqual(said, [["head", 19]]);
  deadlines.prolong("whole", 5);
  hours.pass(40);
  assert.deepEqual(said.slice(1), [["whole", 55]]);
  deadlines.set("idle", 10);
  deadlines.end();
  deadlines.set("idle", 10);
  assert.equal(queue.size, 0);
  hours.pass(100);
  assert.equal(said.length, 2);
});
