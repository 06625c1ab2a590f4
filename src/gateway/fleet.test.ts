import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { Agent } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isReason } from "../api/error.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { Fleet, FleetStatus } from "./fleet.ts";
import { ask, backendOf, Instance, Load, Rig, routeOf, until } from "./rig.ts";
import type { EndpointSpec } from "./route_table.ts";
import { WorkerFiles } from "./worker_files.ts";

const A = "default/a-00001";
const B = "default/b-00001";
const HOST = "shop.default.localhost";

test("a split is exact over any hundred requests, however many instances a share has", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using a = await Instance.start("a");
  await using b = await Instance.start("b");
  await using more = await Instance.start("b-2", (_, res) => res.end("b"));
  await fleet.putBackend(backendOf(A, [a]));
  await fleet.putBackend(backendOf(B, [b, more]));
  await fleet.putRoute(routeOf(HOST, { [A]: 90, [B]: 10 }));
  const bodies: string[] = [];
  const agent = new Agent({ keepAlive: true });
  for (let at = 0; at < 1_000; at += 1) {
    bodies.push((await ask(fleet.address, { host: HOST, agent })).body);
  }
  agent.destroy();
  for (let from = 0; from < 1_000; from += 100) {
    const hundred = bodies.slice(from, from + 100);
    assert.equal(hundred.filter((body) => body === "b").length, 10);
  }
  const runs = bodies.join("").match(/b+/g) ?? [];
  assert.equal(Math.max(...runs.map(({ length }) => length)), 1);
});

test("what is confirmed is served by every worker", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ workers: 2 });
  await using a = await Instance.start("a");
  await using b = await Instance.start("b");
  await Promise.all([fleet.putBackend(backendOf(A, [a])), fleet.putBackend(backendOf(B, [b]))]);
  for (let round = 0; round < 10; round += 1) {
    const [now, body] = round % 2 === 0 ? [A, "a"] : [B, "b"];
    await fleet.putRoute(routeOf(HOST, { [now]: 100 }));
    // Each has a connection of its own, and the kernel deals those out to both.
    const asked = Array.from({ length: 20 }, () => ask(fleet.address, { host: HOST }));
    const bodies = (await Promise.all(asked)).map((reply) => reply.body);
    assert.deepEqual(new Set(bodies), new Set([body]));
  }
  await fleet.deleteRoute(`default/${HOST}`);
  await fleet.settled();
  assert.equal((await ask(fleet.address, { host: HOST })).code, 404);
  const { version, workers } = fleet.status();
  assert.deepEqual(
    workers.map(({ confirmed }) => confirmed),
    [version, version],
  );
});

test("a table of many services is followed in a turn, and a new worker gets it whole", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using a = await Instance.start("a");
  const puts: Promise<void>[] = [];
  for (let at = 0; at < 5_000; at += 1) {
    puts.push(fleet.putBackend(backendOf(`default/s-${at}`, [a])));
    puts.push(fleet.putRoute(routeOf(`s-${at}.localhost`, { [`default/s-${at}`]: 100 })));
  }
  await Promise.all(puts);
  const { version, workers } = fleet.status();
  assert(version < 100, `10,000 changes of one turn made ${version} messages`);
  assert.equal((await ask(fleet.address, { host: "s-4999.localhost" })).body, "a");
  process.kill(workers[0]?.pid ?? 0, "SIGKILL");
  await until("it is gone", () => fleet.ready === 0);
  await until("another serves", () => fleet.ready === 1);
  assert.equal((await ask(fleet.address, { host: "s-0.localhost" })).body, "a");
  assert.equal((await ask(fleet.address, { host: "s-4999.localhost" })).body, "a");
});

test("under load, nothing is lost by new instances, new splits and more workers", async () => {
  await using rig = new Rig();
  const first = await rig.start();
  await using a = await Instance.start("a");
  await using b = await Instance.start("b");
  await first.putBackend(backendOf(A, [a]));
  await first.putBackend(backendOf(B, [b]));
  await first.putRoute(routeOf(HOST, { [A]: 100 }));
  await using load = new Load(first.address, 8, { host: HOST, method: "POST", body: "x" });
  await load.goesOn(200);
  for (let round = 0; round < 5; round += 1) {
    const next = await Instance.start("next");
    await first.putBackend(backendOf(A, [next]));
    await load.goesOn(100);
    await first.putRoute(routeOf(HOST, { [A]: 50, [B]: 50 }));
    await load.goesOn(100);
    await first.putRoute(routeOf(HOST, { [B]: 100 }));
    await first.putBackend(backendOf(A, [a]));
    await first.drained("next", 60_000);
    await next[Symbol.asyncDispose]();
    await first.putRoute(routeOf(HOST, { [A]: 100 }));
  }
  await first[Symbol.asyncDispose]();
  const second = await rig.start({ workers: 3 });
  assert.deepEqual(second.address, first.address);
  const fresh = Array.from({ length: 60 }, () => ask(second.address, { host: HOST }));
  const codes = (await Promise.all(fresh)).map(({ code }) => code);
  await load.goesOn(100);
  await load.stop();
  assert.deepEqual(new Set(codes), new Set([200]));
  assert.deepEqual(
    [load.failures, new Set(load.answers.keys())],
    [[], new Set(["a", "next", "b"])],
  );
});

test("a worker that is killed is missed by nobody else, and a new one has the table", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ workers: 2 });
  await using a = await Instance.start("a");
  await fleet.putBackend(backendOf(A, [a]));
  await fleet.putRoute(routeOf(HOST, { [A]: 100 }));
  await using load = new Load(fleet.address, 16, { host: HOST });
  await load.goesOn(100);
  const [killed, other] = fleet.status().workers;
  process.kill(killed?.pid ?? 0, "SIGKILL");
  await until("it is gone", () => fleet.ready === 1);
  await load.goesOn(100);
  const failed = load.failures.length;
  await until("another has come", () => fleet.ready === 2);
  await load.goesOn(100);
  await load.stop();
  const pids = fleet.status().workers.map(({ pid }) => pid);
  assert(pids.includes(other?.pid ?? 0) && !pids.includes(killed?.pid ?? 0));
  // What was open at the killed one is lost, one request a connection, and nothing after it.
  assert(failed <= 16, `${failed} failed`);
  assert.equal(load.failures.length, failed);
  assert.deepEqual([...load.answers.keys()], ["a"]);
  const codes = Array.from({ length: 20 }, () => ask(fleet.address, { host: HOST }));
  assert.deepEqual(new Set((await Promise.all(codes)).map(({ body }) => body)), new Set(["a"]));
});

test("workers are replaced one by one, and nothing is lost by it", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ workers: 2, limits: { farewellMs: 200 } });
  await using a = await Instance.start("a");
  await fleet.putBackend(backendOf(A, [a]));
  await fleet.putRoute(routeOf(HOST, { [A]: 100 }));
  const before = pidsOf(fleet.status());
  await using load = new Load(fleet.address, 8, { host: HOST, method: "POST", body: "x" });
  await load.goesOn(100);
  await fleet.replaceWorkers();
  await load.goesOn(100);
  await load.stop();
  const now = pidsOf(fleet.status());
  assert.equal(now.length, 2);
  assert(now.every((pid) => !before.includes(pid)));
  assert.deepEqual([load.failures, [...load.answers.keys()]], [[], ["a"]]);
});

/** A control process of its own: puts the routes, and then is there until it is killed. */
function controlScript(home: string, endpoint: EndpointSpec): string {
  return `
    const { Rig, backendOf, routeOf } = await import("${new URL("rig.ts", import.meta.url).href}");
    const fleet = await new Rig("${home}").start({ workers: 2 });
    const instance = { endpoint: ${JSON.stringify(endpoint)} };
    for (const name of ["kept", "dropped", "moved"]) {
      await fleet.putBackend(backendOf("default/" + name, [instance]));
      await fleet.putRoute(routeOf(name + ".localhost", { ["default/" + name]: 100 }));
    }
    await fleet.settled();
    process.stdout.write(JSON.stringify(fleet.status()));
  `;
}

test("a control process that dies leaves traffic as it is, and the next takes over", async () => {
  await using rig = new Rig();
  await using a = await Instance.start("a");
  const args = ["--input-type=module", "-e", controlScript(rig.home, a.endpoint)];
  const control = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(control.stdout, "data");
  const before = JSON.parse(said);
  await using load = new Load(before.address, 8, { host: "kept.localhost" });
  control.kill("SIGKILL");
  await once(control, "exit");
  await load.goesOn(200);

  const fleet = await rig.start({ workers: 2 });
  assert.deepEqual(pidsOf(fleet.status()), pidsOf(before));
  await load.goesOn(200);
  await fleet.putBackend(backendOf("default/kept", [a]));
  await fleet.putRoute(routeOf("kept.localhost", { "default/kept": 100 }));
  const moved = { ...routeOf("moved.localhost", { "default/kept": 100 }), id: "default/mover" };
  await fleet.putRoute(moved);
  for (const name of ["kept", "dropped", "moved"]) {
    assert.equal((await ask(fleet.address, { host: `${name}.localhost` })).code, 200, name);
  }
  await fleet.settled();
  await load.goesOn(200);
  await load.stop();
  const codes = ["kept", "dropped", "moved"].map((name) =>
    ask(fleet.address, { host: `${name}.localhost` }),
  );
  assert.deepEqual(
    (await Promise.all(codes)).map(({ code }) => code),
    [200, 404, 200],
  );
  assert.deepEqual([load.failures, [...load.answers.keys()]], [[], ["a"]]);
  assert.deepEqual([fleet.status().routes, fleet.status().backends], [2, 1]);
});

test("a start with other limits loses nothing: new workers have the table of the old", async () => {
  await using rig = new Rig();
  await using a = await Instance.start("a");
  const first = await rig.start({ workers: 2 });
  await first.putBackend(backendOf(A, [a]));
  await first.putRoute(routeOf(HOST, { [A]: 100 }));
  await first[Symbol.asyncDispose]();
  const before = pidsOf(first.status());
  const second = await rig.start({ workers: 2, limits: { queueMax: 50, farewellMs: 50 } });
  assert.deepEqual(second.address, first.address);
  const serving = second.status().workers.filter(({ state }) => state === "serving");
  assert.equal(serving.filter(({ pid }) => before.includes(pid)).length, 0);
  await until("the old ones are gone", () => second.status().workers.length === 2);
  // Nobody has said yet what there is, and both must know.
  const asked = Array.from({ length: 20 }, () => ask(second.address, { host: HOST }));
  assert.deepEqual(new Set((await Promise.all(asked)).map(({ code }) => code)), new Set([200]));
});

function pidsOf({ workers }: FleetStatus): readonly number[] {
  return workers.map(({ pid }) => pid).sort();
}

test("workers at another address are replaced: new ones serve before the old ones go", async () => {
  await using rig = new Rig();
  await using a = await Instance.start("a");
  const first = await rig.start();
  await first.putBackend(backendOf(A, [a]));
  await first.putRoute(routeOf(HOST, { [A]: 100 }));
  const [worker] = first.status().workers;
  const agent = new Agent({ keepAlive: true });
  await ask(first.address, { host: HOST, agent });
  await first[Symbol.asyncDispose]();
  const port = await freePort();
  const second = await rig.start({ port });
  assert.deepEqual(second.address, { host: "127.0.0.1", port });
  assert.equal(second.ready, 1);
  const isRefused = () =>
    ask(first.address, { host: HOST }).then(
      () => false,
      () => true,
    );
  await until("nobody new is let in", isRefused);
  // A client that keeps a connection to the old one may ask once more, and is told to go.
  const last = await ask(first.address, { host: HOST, agent });
  assert.deepEqual([last.body, last.headers.connection], ["a", "close"]);
  agent.destroy();
  await until("the old one is gone", () => !isThere(worker?.pid ?? 0));
});

test("a worker that does not confirm is named, and one that ends is not waited for", async () => {
  await using rig = new Rig();
  await using a = await Instance.start("a");
  // So that its patience is a second.
  const after: Clock["after"] = (ms, act) => systemClock.after(ms / 5, act);
  const fleet = await rig.start({ workers: 2, clock: { ...systemClock, after } });
  const [stopped] = fleet.status().workers;
  process.kill(stopped?.pid ?? 0, "SIGSTOP");
  await assert.rejects(
    fleet.putBackend(backendOf(A, [a])),
    (thrown) =>
      isReason(thrown, "ServiceUnavailable") && thrown.message.includes(stopped?.name ?? ""),
  );
  const again = fleet.putBackend(backendOf(A, [a]));
  process.kill(stopped?.pid ?? 0, "SIGKILL");
  await again;
  await until("another has come", () => fleet.ready === 2);
  await fleet.putRoute(routeOf(HOST, { [A]: 100 }));
});

test("a port that another program has is refused in words", async () => {
  await using rig = new Rig();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const bound = other.address();
  const port = typeof bound === "object" ? (bound?.port ?? 0) : 0;
  const at = `127.0.0.1:${port}`;
  await assert.rejects(rig.start({ port }), {
    message:
      `Cannot serve on ${at}: listen EADDRINUSE: address already in use ${at}; ` +
      "free the port, or choose another",
  });
  await new Promise((resolve) => other.close(resolve));
});

test("a home with a long path is no hindrance, and nobody else can reach its workers", async () => {
  const base = mkdtempSync(join(tmpdir(), "varve-gateway-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(base, { recursive: true }));
  const rig = stack.use(new Rig(join(base, "a-directory-with-a-name".repeat(6))));
  await using a = await Instance.start("a");
  const fleet = await rig.start();
  await fleet.putBackend(backendOf(A, [a]));
  await fleet.putRoute(routeOf(HOST, { [A]: 100 }));
  assert.equal((await ask(fleet.address, { host: HOST })).body, "a");
  const directory = checkModes(rig.home, fleet);
  await fleet.stopWorkers();
  assert.equal(existsSync(directory), false);
});

/** Answers with the directory that the socket is in. */
function checkModes(home: string, fleet: Fleet): string {
  const [record] = new WorkerFiles(home).readAll();
  assert(record !== undefined && record.name === fleet.status().workers[0]?.name);
  const modes = [record.path, join(record.path, ".."), join(home, "gateway")].map(
    (path) => statSync(path).mode & 0o777,
  );
  assert.deepEqual(modes, [0o600, 0o700, 0o700]);
  return join(record.path, "..");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof bound === "object" ? (bound?.port ?? 0) : 0;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
