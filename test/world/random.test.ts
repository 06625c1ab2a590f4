import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS } from "../../src/api/kinds.ts";
import { controllerOf, isGoing, pathOf, type Resource } from "../../src/api/meta.ts";
import { POD } from "../../src/api/pod.ts";
import { REVISION } from "../../src/api/revision.ts";
import { ROUTE } from "../../src/api/route.ts";
import { SERVICE, type Service } from "../../src/api/service.ts";
import { seededChance } from "../../src/base/chance.ts";
import { finish, RandomOwner } from "./random_owner.ts";
import { told } from "./serving.ts";
import { World } from "./world.ts";

const ACTS = 40;
const { SEED, SEEDS = "25" } = process.env;
const seeds =
  SEED === undefined
    ? Array.from({ length: Number(SEEDS) }, (_, index) => index + 1)
    : [Number(SEED)];

for (const seed of seeds) {
  test(`whatever happens, all is true and in order when it is over (SEED=${seed})`, async () => {
    const chance = seededChance(seed);
    const owner = new RandomOwner(chance);
    let world = await World.make(chance);
    try {
      for (let acts = 0; acts < ACTS; acts += 1) {
        await owner.act(world);
        world = await live(world, owner);
      }
      await heal(world, owner);
      checkOrder(world);
      const { revision } = world;
      world = await world.again();
      await world.settle();
      assert.equal(world.revision, revision, "new controllers find nothing to do");
    } catch (thrown) {
      throw new Error(`SEED=${seed}\n${owner.diary.join("\n")}`, { cause: thrown });
    } finally {
      await world[Symbol.asyncDispose]();
    }
  });
}

/** Controllers do some work, in any order, are interrupted, or are ended and begin anew. */
async function live(world: World, owner: RandomOwner): Promise<World> {
  if (owner.happens(0.05)) {
    owner.diary.push("the controllers begin anew");
    return await world.again();
  }
  world.isInterrupted = () => owner.happens(0.05);
  if (owner.happens(0.5)) await world.settle({ draw: owner });
  else await world.work(Math.floor(30 * owner.draw()), owner);
  return world;
}

/** All is well again from now on, and long enough for everybody to notice. */
async function heal(world: World, owner: RandomOwner): Promise<void> {
  owner.diary.push("all is well again");
  world.isInterrupted = () => false;
  world.gateway.isDown = false;
  for (const { metadata } of world.list(REVISION)) {
    world.runtime.behave(pathOf(metadata), { phase: "ready" });
  }
  for (let rounds = 0; rounds < 8; rounds += 1) {
    await world.settle({ draw: owner });
    for (const id of world.builder.ids) {
      if (world.builder.state(id)?.phase === "Pending") finish(world, id, true);
    }
    for (const { spec } of world.runtime.list()) {
      world.runtime.behave(spec.revision, { phase: "ready" });
    }
    world.pass(120);
  }
  await world.settle();
  // Whatever rests has somebody as soon as it is asked.
  for (const id of world.gateway.backends.keys()) world.gateway.wait(id);
  await world.settle();
}

function checkOrder(world: World): void {
  const all = KINDS.flatMap((kind) => world.list(kind));
  const uids = new Set(all.map(({ metadata }) => metadata.uid));
  for (const resource of all) checkResource(resource, uids);
  const pods = world.list(POD).filter(({ metadata }) => !metadata.name.endsWith("-build"));
  const instances = world.runtime.list().map(({ spec }) => spec.name);
  assert.deepEqual(instances.sort(), pods.map(({ metadata }) => pathOf(metadata)).sort());
  const revisions = new Set(world.list(REVISION).map(({ metadata }) => pathOf(metadata)));
  const routes = new Set(world.list(ROUTE).map(({ metadata }) => pathOf(metadata)));
  for (const id of world.gateway.backends.keys()) assert(revisions.has(id), `stray backend ${id}`);
  for (const id of world.gateway.routes.keys()) assert(routes.has(id), `stray route ${id}`);
  for (const id of world.builder.ids) assert(revisions.has(id), `stray build ${id}`);
  for (const service of world.list(SERVICE)) checkService(world, service);
}

function checkResource(resource: Resource, uids: ReadonlySet<string>): void {
  const { kind, metadata, status } = resource;
  const name = `${kind} ${metadata.name}`;
  assert(!isGoing(resource), `${name} does not go`);
  const owner = controllerOf(resource);
  assert(owner === undefined || uids.has(owner.uid), `${name} has lost its owner`);
  if (status === undefined) return;
  assert.equal(status.observedGeneration, metadata.generation, `${name} is behind`);
}

/** Reasons for which only the owner can do something. */
const FINAL =
  /^False ((Container|Revision)Missing|(Revision|Build)Failed|HostTaken|ProgressDeadline\w+): ./;

function checkService(world: World, service: Service): void {
  const { name } = service.metadata;
  const { Ready = "" } = told(service);
  if (Ready !== "True") {
    assert.match(Ready, FINAL, `Service ${name} is neither ready nor says why`);
    return;
  }
  const latest = service.status?.latestReadyRevisionName;
  const split: Record<string, number> = {};
  for (const { revisionName = latest, percent = 0, tag } of service.spec.traffic ?? []) {
    const backend = `default/${revisionName}`;
    if (percent > 0) split[backend] = (split[backend] ?? 0) + percent;
    if (tag === undefined) continue;
    const tagged = world.gateway.splitOf(`${tag}-${name}.default.localhost`);
    assert.deepEqual(tagged, { [backend]: 100 }, `Service ${name}, tag ${tag}`);
  }
  assert.deepEqual(world.gateway.splitOf(`${name}.default.localhost`), split, `Service ${name}`);
  for (const backend of Object.keys(split)) {
    const { endpoints = [] } = world.gateway.backends.get(backend) ?? {};
    assert(endpoints.length > 0, `Service ${name} sends requests to ${backend}, which has nobody`);
  }
}
