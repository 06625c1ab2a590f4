import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import type { Thawing } from "../base/thawing.ts";
import { makeDataPlane } from "./data_plane.ts";
import type { Fleet } from "./fleet.ts";
import { ask, backendOf, type Handler, Instance, Rig, routeOf, until } from "./rig.ts";
import type { BackendSpec } from "./route_table.ts";

// A request thaws what is frozen, by what the table says of it, and control hears of that. Here
// the freezer is a file: what stands in it is what was done to the instance.

const directory = mkdtempSync(join(tmpdir(), "varve-frozen-"));
const rig = new Rig();
let fleet: Fleet;
let told: string[] = [];
let count = 0;

before(async () => {
  fleet = await rig.start({ workers: 2 });
  fleet.onWoken((backend) => told.push(`woken ${backend}`));
  fleet.onWaiting((backend) => told.push(`waiting ${backend}`));
  await fleet.settled();
});

after(async () => {
  await rig[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

beforeEach(() => {
  told = [];
});

interface Resting {
  readonly spec: BackendSpec;
  readonly host: string;
  readonly thaw: Thawing;
}

/** A host whose only instance is frozen. */
async function rest(instance: Instance, concurrency = 0): Promise<Resting> {
  count += 1;
  const [id, host] = [`default/rests-${count}`, `rests-${count}.localhost`];
  const thaw = { path: join(directory, `${count}`), text: "THAWED" };
  writeFileSync(thaw.path, "FROZEN");
  const spec = backendOf(id, [], { concurrency });
  await fleet.putBackend({ ...spec, frozen: [{ ...instance.endpoint, thaw }] });
  await fleet.putRoute(routeOf(host, { [id]: 100 }));
  return { spec, host, thaw };
}

test("a request thaws what is frozen, and control is told", async () => {
  await using instance = await Instance.start("one");
  const { spec, host, thaw } = await rest(instance);
  const { code, body } = await ask(fleet.address, { host });
  assert.deepEqual([code, body, readFileSync(thaw.path, "utf8")], [200, "one", "THAWED"]);
  await until("control is told", () => told.includes(`woken ${spec.id}`));
  assert.deepEqual(told, [`woken ${spec.id}`]);
});

test("until control has heard of it, its word that it is frozen takes nobody out", async () => {
  const { table, hold } = plane();
  const thaw = { path: join(directory, "own"), text: "THAWED" };
  writeFileSync(thaw.path, "FROZEN");
  const endpoint = { name: "own", host: "127.0.0.1", port: 1 };
  const spec = backendOf("default/own-00001", []);
  const frozen = { ...spec, frozen: [{ ...endpoint, thaw }] };
  table.putBackend(frozen);
  const backend = table.backend(spec.id) ?? assert.fail();
  hold.ask(backend, { serve() {}, refuse: assert.fail });
  const [awake] = backend.endpoints;
  const ids = () => table.woken.map(([id]) => id);
  table.putBackend({ ...frozen, limits: { ...spec.limits, timeoutMs: 5000 } });
  assert.deepEqual([backend.endpoints, backend.frozen, ids()], [[awake], [], [spec.id]]);
  table.putBackend({ ...spec, endpoints: [endpoint] });
  assert.deepEqual([backend.endpoints, ids()], [[awake], []]);
  table.putBackend(frozen);
  assert.deepEqual([backend.endpoints, backend.frozen.length, awake?.isDraining], [[], 1, true]);
});

/** What a worker serves with, in this process. */
function plane() {
  const world = { clock: systemClock, chance: systemChance, isSettled: () => true };
  return makeDataPlane({ ...world, waiting: () => {}, woke: () => {} });
}

test("what cannot be thawed from here is waited for, until control has thawed it", async () => {
  await using instance = await Instance.start("three");
  const { spec, host, thaw } = await rest(instance);
  rmSync(thaw.path);
  const reply = ask(fleet.address, { host });
  await until("control is told", () => told.length > 0);
  assert.deepEqual(told, [`waiting ${spec.id}`]);
  await fleet.putBackend({ ...spec, endpoints: [instance.endpoint] });
  assert.equal((await reply).body, "three");
});

test("with a limit, no more are served at once than may be, whichever worker thaws", async () => {
  let [open, most] = [0, 0];
  const handler: Handler = (_, res) => {
    open += 1;
    most = Math.max(most, open);
    setTimeout(() => {
      open -= 1;
      res.end("four");
    }, 5);
  };
  await using instance = await Instance.start("four", handler);
  const { host } = await rest(instance, 1);
  const replies = Array.from({ length: 20 }, () => ask(fleet.address, { host }));
  const bodies = (await Promise.all(replies)).map(({ body }) => body);
  assert.deepEqual([most, new Set(bodies)], [1, new Set(["four"])]);
});

test("whoever ends what a request has just thawed waits for the request", async () => {
  const answers: (() => void)[] = [];
  const handler: Handler = (_, res) => answers.push(() => res.end("five"));
  await using instance = await Instance.start("five", handler);
  const { spec, host } = await rest(instance);
  const reply = ask(fleet.address, { host });
  await until("it is asked", () => answers.length === 1);
  await fleet.putBackend(spec);
  let isDrained = false;
  const drained = fleet.drained("five", 10_000).then(() => {
    isDrained = true;
  });
  await fleet.putBackend({ ...spec, why: "a while later" });
  assert.equal(isDrained, false);
  answers[0]?.();
  await drained;
  assert.equal((await reply).body, "five");
});

test("with control dead a request thaws too, and the next control process is told", async () => {
  await using instance = await Instance.start("six");
  const { spec, host, thaw } = await rest(instance);
  const { address } = fleet;
  await fleet[Symbol.asyncDispose]();
  assert.equal((await ask(address, { host })).body, "six");
  assert.equal(readFileSync(thaw.path, "utf8"), "THAWED");
  const woken = new Map<string, number>();
  const next = await rig.start({ workers: 2 });
  next.onWoken((backend, ms) => woken.set(backend, ms));
  await until("it is told", () => (woken.get(spec.id) ?? 0) > 0);
});
