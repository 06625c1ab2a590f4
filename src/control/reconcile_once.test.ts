import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, makeDesk } from "../../test/world/desk.ts";
import { NOW } from "../../test/world/world_clock.ts";
import { failed, pending, READY } from "../api/condition.ts";
import { NAMESPACE, type Namespace } from "../api/namespace.ts";
import type { Controller } from "./controller.ts";
import { reconcileOnce } from "./reconcile_once.ts";
import type { Happening } from "./recorder.ts";

test("the status is stamped with the generation, each condition with when it changed", async () => {
  const desk = await makeDesk();
  await look(desk, { reconcile: async () => ({ status: { conditions: [READY] } }) });
  desk.clock.pass(60);
  const waiting = pending("Waiting", "for the rain", "Dry");
  await look(desk, { reconcile: async () => ({ status: { conditions: [READY, waiting] } }) });
  assert.deepEqual(statusOf(desk), {
    observedGeneration: 1,
    conditions: [
      { ...READY, lastTransitionTime: NOW },
      { ...waiting, lastTransitionTime: "2026-01-01T00:01:00Z" },
    ],
  });
});

test("a status that is no news is not written", async () => {
  const desk = await makeDesk();
  const toy: Toy = { reconcile: async () => ({ status: { conditions: [READY] } }) };
  await look(desk, toy);
  const { revision } = desk.store;
  desk.clock.pass(60);
  await look(desk, toy);
  assert.equal(desk.store.revision, revision);
});

test("that it became ready, or failed for another reason, is told once", async () => {
  const desk = await makeDesk();
  const told: Happening[] = [];
  const conditions = [
    pending("Starting", "it starts"),
    failed("Crashed", "exited with 1"),
    failed("Crashed", "exited with 2"),
    failed("Lost", "the image is gone"),
    READY,
    READY,
  ];
  for (const condition of conditions) {
    await look(desk, { reconcile: async () => ({ status: { conditions: [condition] } }) }, told);
  }
  assert.deepEqual(told, [
    { type: "Warning", reason: "Crashed", message: "exited with 1" },
    { type: "Warning", reason: "Lost", message: "the image is gone" },
    { type: "Normal", reason: "Ready", message: "Ready" },
  ]);
});

const LABELS = { a: "b", "kubernetes.io/metadata.name": "default" };

test("the status goes onto what the controller has written meanwhile", async () => {
  const desk = await makeDesk();
  await look(desk, {
    async reconcile(namespace) {
      const metadata = { ...namespace.metadata, labels: LABELS };
      const written = await desk.client.put<Namespace>({ ...namespace, metadata });
      return { status: { conditions: [READY] }, written };
    },
  });
  const { metadata, status } = stored(desk);
  assert.deepEqual([metadata.labels, status?.conditions?.length], [LABELS, 1]);
});

test("what has more to clear away carries a finalizer, and goes when all is cleared", async () => {
  const desk = await makeDesk();
  let left = 2;
  const toy: Toy = {
    reconcile: async () => ({ status: {} }),
    async finalize() {
      left -= 1;
      const message = `${left} left`;
      const status = { conditions: [pending("Clearing", message)] };
      return { againAfterMs: left > 0 ? 500 : 0, ...(left > 0 && { status }) };
    },
  };
  await look(desk, toy);
  assert.deepEqual(stored(desk).metadata.finalizers, ["varve.dev/namespace"]);
  await desk.client.delete(stored(desk));
  assert.equal(await look(desk, toy), 500);
  assert.equal(statusOf(desk)?.conditions?.[0]?.message, "1 left");
  assert.equal(await look(desk, toy), 0);
  assert.deepEqual(desk.names(NAMESPACE), []);
});

interface Toy {
  readonly reconcile: Controller<Namespace>["reconcile"];
  readonly finalize?: NonNullable<Controller<Namespace>["finalize"]>;
}

async function look(desk: Desk, toy: Toy, told: Happening[] = []): Promise<number> {
  const controller = { kind: NAMESPACE, owns: [], ...toy };
  const recorder = { record: (_: unknown, happening: Happening) => void told.push(happening) };
  const { signal } = new AbortController();
  return await reconcileOnce({ ...desk, controller, resource: stored(desk), recorder, signal });
}

function stored(desk: Desk): Namespace {
  const namespace = desk.find(NAMESPACE, { name: "default" });
  assert(namespace !== undefined);
  return namespace;
}

function statusOf(desk: Desk): Namespace["status"] {
  return stored(desk).status;
}
