import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, before, test } from "node:test";
import type { Fleet } from "./fleet.ts";
import { ask, backendOf, Instance, Rig, routeOf, until } from "./rig.ts";

// What the API asks of a router (spec/elafros §3.4), where no story of another name tells it.

const [OLD, NEW] = ["default/old-00001", "default/new-00001"];
const rig = new Rig();
const cleanup = new AsyncDisposableStack();
let fleet: Fleet;
let count = 0;

before(async () => {
  fleet = await rig.start();
  await fleet.putBackend(backendOf(OLD, [await start("old")]));
  await fleet.putBackend(backendOf(NEW, [await start("new"), await start("new")]));
});
after(async () => {
  await rig[Symbol.asyncDispose]();
  await cleanup[Symbol.asyncDispose]();
});

async function start(name: string): Promise<Instance> {
  count += 1;
  const instance = await Instance.start(`${name}-${count}`, (_, res) => res.end(name));
  return cleanup.use(instance);
}

test("R1, R8: requests of one client on one connection are routed one by one", async () => {
  const host = "one.localhost";
  await fleet.putRoute(routeOf(host, { [OLD]: 50, [NEW]: 50 }));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number>();
  agent.on("free", (socket) => ports.add(socket.localPort));
  const bodies: string[] = [];
  for (let at = 0; at < 100; at += 1) {
    bodies.push((await ask(fleet.address, { host, agent })).body);
  }
  agent.destroy();
  assert.equal(bodies.filter((body) => body === "old").length, 50);
  assert(ports.size <= 1, "it was one connection");
});

test("R5: shares are those of the Route, however many instances are behind each", async () => {
  const host = "shares.localhost";
  await fleet.putRoute(routeOf(host, { [OLD]: 80, [NEW]: 20 }));
  const asked = Array.from({ length: 200 }, () => ask(fleet.address, { host }));
  const bodies = (await Promise.all(asked)).map(({ body }) => body);
  assert.equal(bodies.filter((body) => body === "new").length, 40);
});

test("R6, R7: a request waits for the Revision drawn for it, though the split moves", async () => {
  const host = "waits.localhost";
  const cold = "default/cold-00001";
  const woken: string[] = [];
  using _ = fleet.onWaiting((backend) => woken.push(backend));
  await fleet.putBackend(backendOf(cold, []));
  await fleet.putRoute(routeOf(host, { [cold]: 100 }));
  const waiting = Array.from({ length: 5 }, () => ask(fleet.address, { host }));
  await until("all of them wait", async () => (await queued()) === waiting.length);
  assert(woken.includes(cold), "control is asked for an instance");
  await fleet.putRoute(routeOf(host, { [OLD]: 100 }));
  assert.equal((await ask(fleet.address, { host })).body, "old");
  await fleet.putBackend(backendOf(cold, [await start("cold")]));
  const bodies = (await Promise.all(waiting)).map(({ code, body }) => `${code} ${body}`);
  assert.deepEqual(new Set(bodies), new Set(["200 cold"]));
});

async function queued(): Promise<number> {
  const families = await fleet.metrics();
  const { samples } = families.find(({ name }) => name.endsWith("requests_queued")) ?? {};
  return (samples ?? []).reduce((sum, { value }) => sum + value, 0);
}
