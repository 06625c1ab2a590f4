import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, makeDesk } from "../../test/world/desk.ts";
import { READY } from "../api/condition.ts";
import { CONFIG_MAP } from "../api/config_map.ts";
import { ApiError } from "../api/error.ts";
import type { ObjectKey } from "../api/meta.ts";
import { NAMESPACE, type Namespace } from "../api/namespace.ts";
import { assert as mustHold } from "../base/assert.ts";
import { silentLog } from "../base/log.ts";
import type { Controller, Reconciled } from "./controller.ts";
import { Manager } from "./manager.ts";
import { silentRecorder } from "./recorder.ts";

const { apiVersion, kind } = NAMESPACE;
const FINE: Reconciled<Namespace> = { status: { conditions: [READY] } };

test("each resource is looked at once at the start, and again when it changes", async () => {
  await using stage = await makeStage();
  const looks: string[] = [];
  stage.run({ reconcile: async ({ metadata }) => look(looks, metadata.name) });
  await stage.settled();
  // Writing the status of "default" was a change of it.
  assert.deepEqual(looks, ["default", "default"]);
  await stage.add("a");
  await stage.settled();
  assert.deepEqual(looks.slice(2), ["a", "a"]);
});

test("what is woken while looked at is looked at again, and never twice at once", async () => {
  await using stage = await makeStage();
  const gate = Promise.withResolvers<void>();
  const seen: (string | undefined)[] = [];
  let together = 0;
  stage.run({
    async reconcile({ metadata: { labels } }) {
      together += 1;
      seen.push(labels?.["a"]);
      assert.equal(together, 1);
      await gate.promise;
      together -= 1;
      return { status: {} };
    },
  });
  await turns();
  for (const a of ["1", "2", "3"]) {
    await stage.client.patch({ kind: NAMESPACE, key: DEFAULT }, { metadata: { labels: { a } } });
  }
  gate.resolve();
  await stage.settled();
  assert.deepEqual([seen[0], seen.at(-1)], [undefined, "3"]);
});

test("a look that fails is repeated, later and later, until one succeeds", async () => {
  await using stage = await makeStage();
  const looks: string[] = [];
  let isWell = false;
  stage.run({
    async reconcile({ metadata }) {
      if (!isWell) {
        looks.push("failed");
        throw new Error("the disk is full");
      }
      return look(looks, metadata.name);
    },
  });
  await stage.settled();
  for (const pause of [0.045, 0.09, 0.18]) {
    const before = looks.length;
    stage.clock.pass(pause - 0.001);
    await stage.settled();
    assert.equal(looks.length, before, "not before its time");
    stage.clock.pass(0.001);
    await stage.settled();
    assert.equal(looks.length, before + 1);
  }
  isWell = true;
  stage.clock.pass(1);
  await stage.settled();
  assert.deepEqual(looks, ["failed", "failed", "failed", "failed", "default", "default"]);
});

test("whoever lost a race tries again almost at once", async () => {
  await using stage = await makeStage();
  const looks: string[] = [];
  let races = 2;
  stage.run({
    async reconcile({ metadata }) {
      races -= 1;
      if (races >= 0) throw new ApiError("Conflict", "it has been modified");
      return look(looks, metadata.name);
    },
  });
  for (let tries = 0; tries < 3; tries += 1) {
    await stage.settled();
    stage.clock.pass(0.001);
  }
  await stage.settled();
  assert.deepEqual(looks, ["default", "default"]);
});

test("who waits for something that nobody tells of is called when it is time", async () => {
  await using stage = await makeStage();
  const looks: string[] = [];
  const wait = { requeueAfterMs: 60_000 };
  stage.run({ reconcile: async () => ({ ...look(looks, "default"), ...wait }) });
  await stage.settled();
  stage.clock.pass(59);
  await stage.settled();
  assert.equal(looks.length, 2);
  stage.clock.pass(1);
  await stage.settled();
  assert.equal(looks.length, 3);
});

test("where our own promise is broken that resource is left alone until it changes", async () => {
  await using stage = await makeStage();
  const looks: string[] = [];
  stage.run({
    async reconcile({ metadata: { name, labels } }) {
      mustHold(labels?.["good"] === "yes", "all is good");
      return look(looks, name);
    },
  });
  await stage.settled();
  stage.clock.pass(3600);
  await stage.settled();
  assert.deepEqual(looks, []);
  const good = { metadata: { labels: { good: "yes" } } };
  await stage.client.patch({ kind: NAMESPACE, key: DEFAULT }, good);
  await stage.settled();
  assert.deepEqual(looks, ["default", "default"]);
});

test("only so many resources of a kind are looked at at once", async () => {
  await using stage = await makeStage();
  for (const name of ["a", "b", "c", "d"]) await stage.add(name);
  const gate = Promise.withResolvers<void>();
  let together = 0;
  let most = 0;
  const limited = {
    concurrency: 3,
    async reconcile() {
      together += 1;
      most = Math.max(most, together);
      await gate.promise;
      together -= 1;
      return { status: {} };
    },
  };
  stage.run(limited);
  await turns();
  assert.equal(together, 3);
  gate.resolve();
  await stage.settled();
  assert.deepEqual({ together, most }, { together: 0, most: 3 });
});

test("it has caught up when all was looked at, even if some never rest or fail", async () => {
  await using stage = await makeStage();
  for (const name of ["failing", "restless", "calm"]) await stage.add(name);
  const seen = new Set<string>();
  const manager = stage.run({
    async reconcile({ metadata: { name } }) {
      seen.add(name);
      if (name === "failing") throw new Error("no");
      return { ...FINE, ...(name === "restless" && { requeueAfterMs: 1 }) };
    },
  });
  let isCaughtUp = false;
  const caughtUp = manager.caughtUp().then(() => {
    isCaughtUp = true;
  });
  await stage.settled();
  assert.deepEqual([...seen].sort(), ["calm", "default", "failing", "restless"]);
  assert(!isCaughtUp, "one that failed once may have lost a race");
  for (let passed = 0; passed < 10; passed += 1) {
    stage.clock.pass(0.1);
    await stage.settled();
  }
  await caughtUp;
});

test("with nothing to look at it has caught up at once", async () => {
  await using stage = await makeStage();
  const manager = stage.run({ kind: CONFIG_MAP as never, reconcile: async () => FINE });
  await manager.caughtUp();
});

test("changes of what is owned or watched, and sources, wake the resource", async () => {
  await using stage = await makeStage();
  const looks: string[] = [];
  let wake: (key: ObjectKey) => void = () => {};
  stage.run({
    owns: [CONFIG_MAP],
    watches: [{ kind: CONFIG_MAP, wakes: () => [{ name: "watching" }] }],
    sources: [
      (call) => {
        wake = call;
        return { [Symbol.dispose]: () => {} };
      },
    ],
    reconcile: async ({ metadata }) => look(looks, metadata.name),
  });
  for (const name of ["owning", "watching", "waiting"]) await stage.add(name);
  await stage.settled();
  looks.length = 0;
  const owner = await stage.client.get(NAMESPACE, { name: "owning" });
  const { uid } = owner.metadata;
  const reference = { apiVersion, kind, name: "owning", uid, controller: true };
  await stage.desk.add({ name: "owned", ownerReferences: [reference] });
  wake({ name: "waiting" });
  await stage.settled();
  assert.deepEqual(looks.sort(), ["owning", "waiting", "watching"]);
});

test("stopping ends what is being looked at, and nothing is looked at afterwards", async () => {
  const stage = await makeStage();
  const begun = Promise.withResolvers<AbortSignal>();
  const looks: string[] = [];
  stage.run({
    async reconcile({ metadata }, signal) {
      looks.push(metadata.name);
      begun.resolve(signal);
      await new Promise((_, reject) => signal.addEventListener("abort", reject));
      return FINE;
    },
  });
  await begun.promise;
  await stage[Symbol.asyncDispose]();
  await stage.add("later");
  await turns();
  assert.deepEqual(looks, ["default"]);
});

const DEFAULT = { name: "default" };

interface Toy extends Partial<Controller<Namespace>> {
  readonly reconcile: Controller<Namespace>["reconcile"];
  readonly concurrency?: number;
}

interface Stage extends AsyncDisposable {
  readonly desk: Desk;
  readonly client: Desk["client"];
  readonly clock: Desk["clock"];
  run(toy: Toy): Manager;
  add(name: string): Promise<Namespace>;
  /** Resolves when nobody is at work, as far as turns of the event loop can tell. */
  settled(): Promise<void>;
}

async function makeStage(): Promise<Stage> {
  const desk = await makeDesk();
  const stack = new AsyncDisposableStack();
  const { client, clock } = desk;
  return {
    ...{ desk, client, clock, settled: turns },
    run({ concurrency, ...toy }) {
      const controller: Controller<Namespace> = { kind: NAMESPACE, owns: [], ...toy };
      const controllers = [controller] as unknown as readonly Controller[];
      const shared = { ...desk, recorder: silentRecorder, log: silentLog };
      const manager = new Manager({ ...shared, controllers, ...(concurrency && { concurrency }) });
      stack.use(manager);
      void manager.start();
      return manager;
    },
    add: (name) => client.create<Namespace>({ apiVersion, kind, metadata: { name } }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function look(looks: string[], name: string): Reconciled<Namespace> {
  looks.push(name);
  return FINE;
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
