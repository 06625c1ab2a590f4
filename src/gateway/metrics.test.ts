import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance } from "../base/chance.ts";
import { Sightings } from "./metrics.ts";
import { CELL, makeTally } from "./tally.ts";

const NAMED = 2;

test("revisions over the most have one series, and what was counted in there stays", () => {
  const fleet = new Fleet();
  for (const id of ["a/1", "a/2", "a/3", "a/4"]) fleet.count(id, 10);
  assert.deepEqual(fleet.seen(), { "a/1": 10, "a/2": 10, "_others/_others": 0 });
  for (const id of ["a/1", "a/3", "a/4", "a/5"]) fleet.count(id, 5);
  assert.deepEqual(fleet.seen(), { "a/1": 15, "a/2": 10, "_others/_others": 15 });
  fleet.remove("a/4");
  assert.deepEqual(fleet.seen(), { "a/1": 15, "a/2": 10, "_others/_others": 15 });
  fleet.remove("a/1");
  fleet.count("a/3", 1);
  const named = { "a/2": 10, "a/3": 1, "_others/_others": 15 };
  assert.deepEqual(fleet.seen(), named, "it has a name, and begins anew under it");
  fleet.remove("a/5");
  fleet.count("a/3", 1);
  assert.deepEqual(fleet.seen(), { ...named, "a/3": 2 });
  fleet.count("a/5", 3);
  assert.deepEqual(fleet.seen(), { ...named, "a/3": 2, "_others/_others": 18 });
});

test("whatever comes and goes, no series falls, and nothing counts twice", () => {
  const seed = 0xbeef;
  const chance = seededChance(seed);
  const fleet = new Fleet();
  let before: Readonly<Record<string, number>> = fleet.seen();
  for (let step = 0; step < 2000; step += 1) {
    const id = `a/${Math.floor(chance.fraction() * 8)}`;
    const isGoing = chance.fraction() < 0.1;
    const added = Math.floor(chance.fraction() * 5);
    if (isGoing) fleet.remove(id);
    else fleet.count(id, added);
    const after = fleet.seen();
    const rises = Object.entries(after).map(([name, value]) => value - (before[name] ?? 0));
    assert(
      rises.every((it) => it >= 0),
      `seed ${seed}, step ${step}: ${JSON.stringify(after)}`,
    );
    const sum = rises.reduce((all, it) => all + it, 0);
    assert.equal(sum, isGoing ? 0 : added, `seed ${seed}, step ${step}`);
    before = after;
  }
});

/** One worker, and who is there. */
class Fleet {
  readonly #sightings = new Sightings(NAMED);
  readonly #counts = new Map<string, number>();

  count(id: string, requests: number): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + requests);
  }

  remove(id: string): void {
    this.#counts.delete(id);
  }

  /** Answers of the class 2xx, by revision. */
  seen(): Readonly<Record<string, number>> {
    const backends = [...this.#counts].map(([id, requests]) => {
      const tally = makeTally();
      tally[CELL.classes + 1] = requests;
      return { id, tally: [...tally], inFlight: 0, queued: 0, endpoints: 0, down: 0 };
    });
    this.#sightings.set("gateway-1", { backends, worker: {} });
    this.#sightings.forget((id) => this.#counts.has(id));
    const requests = this.#sightings.families.find(({ name }) => name.endsWith("requests_total"));
    const ok = requests?.samples.filter(({ labels }) => labels?.["code"] === "2xx") ?? [];
    return Object.fromEntries(
      ok.map(({ labels = {}, value }) => [`${labels["namespace"]}/${labels["revision"]}`, value]),
    );
  }
}
