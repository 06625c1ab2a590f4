import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, makeDesk } from "../../test/world/desk.ts";
import { CONFIG_MAP } from "../api/config_map.ts";
import { KINDS } from "../api/kinds.ts";
import type { OwnerReference, Resource } from "../api/meta.ts";
import { NAMESPACE, type Namespace } from "../api/namespace.ts";
import { silentLog } from "../base/log.ts";
import { GarbageCollector } from "./garbage_collector.ts";

test("what a deleted owner owned goes with it, and what that owned", async () => {
  await using place = await makePlace();
  const owner = await place.add({ name: "owner" });
  const child = await place.add({ name: "child", ownerReferences: [to(owner)] });
  await place.add({ name: "grandchild", ownerReferences: [to(child)] });
  await place.add({ name: "other" });
  await place.settled();
  await place.client.delete(owner);
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), ["other"]);
});

test("foreground: the owner stays until those have gone that block its deletion", async () => {
  await using place = await makePlace();
  const owner = await place.add({ name: "owner" });
  const held = { finalizers: ["example.com/held"] };
  await place.add({ name: "blocking", ownerReferences: [to(owner)], ...held });
  const free = { ...to(owner), blockOwnerDeletion: false };
  await place.add({ name: "not-blocking", ownerReferences: [free], ...held });
  await place.client.delete(owner, { propagation: "Foreground" });
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), ["blocking", "not-blocking", "owner"]);
  await place.release("blocking");
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), ["not-blocking"]);
});

test("foreground: an owner without anything goes at once", async () => {
  await using place = await makePlace();
  const owner = await place.add({ name: "owner" });
  await place.client.delete(owner, { propagation: "Foreground" });
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), []);
});

test("foreground: an owner does not wait for what was given to another meanwhile", async () => {
  await using place = await makePlace();
  const owner = await place.add({ name: "owner" });
  const child = await place.add({ name: "child", ownerReferences: [to(owner)] });
  await place.settled();
  const { ownerReferences: _, ...metadata } = child.metadata;
  await place.client.put({ ...child, metadata });
  await place.client.delete(owner, { propagation: "Foreground" });
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), ["child"]);
});

test("orphan: what was owned stays, and belongs to nobody", async () => {
  await using place = await makePlace();
  const owner = await place.add({ name: "owner" });
  const other = await place.add({ name: "other" });
  await place.add({ name: "child", ownerReferences: [to(owner)] });
  await place.add({ name: "shared", ownerReferences: [to(owner), to(other)] });
  await place.client.delete(owner, { propagation: "Orphan" });
  await place.settled();
  const owners = place.store
    .list(CONFIG_MAP)
    .map(({ metadata }) => [metadata.name, metadata.ownerReferences?.map(({ name }) => name)]);
  assert.deepEqual(owners, [
    ["child", undefined],
    ["other", undefined],
    ["shared", ["other"]],
  ]);
});

test("an owner that was made again under the same name is another, and owns nothing", async () => {
  await using place = await makePlace();
  const owner = await place.add({ name: "owner" });
  await place.add({ name: "child", ownerReferences: [to(owner)] });
  await place.client.delete(owner);
  await place.add({ name: "owner" });
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), ["owner"]);
});

test("of several owners the last one takes it along; those before are forgotten", async () => {
  await using place = await makePlace();
  const one = await place.add({ name: "one" });
  const two = await place.add({ name: "two" });
  await place.add({ name: "child", ownerReferences: [to(one), to(two)] });
  await place.client.delete(one, { propagation: "Foreground" });
  await place.settled();
  const left = place.find(CONFIG_MAP, { namespace: "default", name: "child" });
  assert.deepEqual(left?.metadata.ownerReferences, [to(two)]);
  assert.deepEqual(place.names(CONFIG_MAP), ["child", "two"], "and nobody waits for it");
  await place.client.delete(two);
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), []);
});

test("an owner of no namespace owns across all of them", async () => {
  await using place = await makePlace();
  const { apiVersion, kind } = NAMESPACE;
  const owner = await place.client.create<Namespace>({ apiVersion, kind, metadata: { name: "a" } });
  await place.add({ name: "child", ownerReferences: [to(owner)] });
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), ["child"]);
  await place.client.delete(owner);
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), []);
});

test("what cannot be looked up is taken to be there", async () => {
  await using place = await makePlace();
  const foreign = { apiVersion: "apps/v1", kind: "Deployment", name: "x", uid: "u" };
  await place.add({ name: "child", ownerReferences: [foreign] });
  const { apiVersion, kind } = NAMESPACE;
  const local = { apiVersion: "v1", kind: "ConfigMap", name: "x", uid: "u" };
  const metadata = { name: "a", ownerReferences: [local] };
  await place.client.create<Namespace>({ apiVersion, kind, metadata });
  await place.settled();
  assert.deepEqual(place.names(CONFIG_MAP), ["child"]);
  assert.deepEqual(place.names(NAMESPACE), ["a", "default"]);
});

test("one that starts later finds what went meanwhile", async () => {
  const desk = await makeDesk();
  const owner = await desk.add({ name: "owner" });
  await desk.add({ name: "child", ownerReferences: [to(owner)] });
  await desk.client.delete(owner);
  await using collector = collectorOf(desk);
  await collector.start();
  await collector.settled();
  assert.deepEqual(desk.names(CONFIG_MAP), []);
});

test("what could not be written is tried again later", async () => {
  const desk = await makeDesk();
  const owner = await desk.add({ name: "owner" });
  await desk.add({ name: "child", ownerReferences: [to(owner)] });
  let failures = 1;
  const client: Desk["client"] = {
    ...desk.client,
    async delete(resource, options) {
      failures -= 1;
      if (failures >= 0) throw new Error("the disk is full");
      await desk.client.delete(resource, options);
    },
  };
  await using collector = collectorOf({ ...desk, client });
  await collector.start();
  await desk.client.delete(owner);
  await collector.settled();
  assert.deepEqual(desk.names(CONFIG_MAP), ["child"]);
  desk.clock.pass(1);
  await collector.settled();
  assert.deepEqual(desk.names(CONFIG_MAP), []);
});

interface Place extends Desk, AsyncDisposable {
  settled(): Promise<void>;
  /** Takes the finalizers away. */
  release(name: string): Promise<void>;
}

async function makePlace(): Promise<Place> {
  const desk = await makeDesk();
  const collector = collectorOf(desk);
  await collector.start();
  return {
    ...desk,
    settled: () => collector.settled(),
    async release(name) {
      const held = await desk.client.get(CONFIG_MAP, { namespace: "default", name });
      await desk.client.put({ ...held, metadata: { ...held.metadata, finalizers: [] } });
    },
    [Symbol.asyncDispose]: () => collector[Symbol.asyncDispose](),
  };
}

function collectorOf(desk: Desk): GarbageCollector {
  return new GarbageCollector({ ...desk, kinds: KINDS, log: silentLog });
}

function to({ apiVersion, kind, metadata }: Resource): OwnerReference {
  const { name, uid } = metadata;
  return { apiVersion, kind, name, uid, blockOwnerDeletion: true };
}
