import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { durationBoundOf } from "../base/durations.ts";
import { ask, backendOf, Instance, Rig, routeOf, until } from "./rig.ts";
import type { Load } from "./route_table.ts";

const HOST = "hello.localhost";

test("what becomes of requests is told of those that are compared, and of them alone", async () => {
  await using rig = new Rig();
  await using good = await Instance.start("good");
  await using bad = await Instance.start("bad", (_, res) => res.writeHead(500).end("bad"));
  const fleet = await rig.start();
  await fleet.putBackend(backendOf("default/a", [good]));
  await fleet.putBackend(backendOf("default/b", [bad]));
  const split = { "default/a": 50, "default/b": 50 };
  const told: Load[] = [];
  using _ = fleet.onLoad((loads) => told.push(...loads));
  await fleet.putRoute({ ...routeOf(HOST, split), compared: ["default/b"] });
  for (let sent = 0; sent < 60; sent += 1) await ask(fleet.address, { host: HOST });
  await until("all is told", () => sumOf(told, "default/a", ({ requests }) => requests) === 30);
  await until("all is judged", () => sumOf(told, "default/b", ended) === 30);
  assert.equal(sumOf(told, "default/b", arrived), 30);
  assert.equal(
    sumOf(told, "default/b", ({ outcomes }) => outcomes?.failed ?? 0),
    30,
  );
  assert.equal(sumOf(told, "default/a", ended), 0);
  // The first twenty had an instance that was just beginning.
  assert.equal(sumOf(told, "default/b", timed), 10);
  await fleet.putRoute(routeOf(HOST, split));
  told.length = 0;
  for (let sent = 0; sent < 4; sent += 1) await ask(fleet.address, { host: HOST });
  await until("all is told", () => sumOf(told, "default/b", ({ requests }) => requests) === 2);
  assert.equal(sumOf(told, "default/b", ended), 0);
});

test("an answer that is cut has failed, and a request is timed to its end", async () => {
  await using rig = new Rig();
  let count = 0;
  await using instance = await Instance.start("i", (_, res) => {
    count += 1;
    if (count <= 20) res.end("warm");
    else if (count === 21) cut(res);
    else systemClock.after(60, () => res.end("slow"));
  });
  const fleet = await rig.start();
  await fleet.putBackend(backendOf("default/a", [instance]));
  const told: Load[] = [];
  using _ = fleet.onLoad((loads) => told.push(...loads));
  await fleet.putRoute({ ...routeOf(HOST, { "default/a": 100 }), compared: ["default/a"] });
  for (let sent = 0; sent < 20; sent += 1) await ask(fleet.address, { host: HOST });
  await assert.rejects(ask(fleet.address, { host: HOST }));
  await ask(fleet.address, { host: HOST });
  await until("all is judged", () => sumOf(told, "default/a", ended) === 22);
  assert.equal(
    sumOf(told, "default/a", ({ outcomes }) => outcomes?.failed ?? 0),
    1,
  );
  const durations = told.flatMap(({ outcomes }) => outcomes?.durations ?? []);
  const longest = Math.max(...durations.filter((_, at) => at % 2 === 0).map(durationBoundOf));
  assert(longest > 60, `the longest is below ${longest} ms`);
});

test("requests that nobody answers are told of as well", async () => {
  await using rig = new Rig();
  await using instance = await Instance.start("i", () => {});
  const fleet = await rig.start();
  await fleet.putBackend(backendOf("default/a", [instance]));
  const told: Load[] = [];
  using _ = fleet.onLoad((loads) => told.push(...loads));
  await fleet.putRoute({ ...routeOf(HOST, { "default/a": 100 }), compared: ["default/a"] });
  for (let sent = 0; sent < 3; sent += 1) ask(fleet.address, { host: HOST }).catch(() => {});
  await until("all have come", () => sumOf(told, "default/a", arrived) === 3);
  assert.equal(sumOf(told, "default/a", ended), 0);
});

function cut(res: ServerResponse): void {
  res.writeHead(200, { "content-length": 9 });
  res.write("cut", () => res.destroy());
}

function sumOf(told: readonly Load[], id: string, of: (load: Load) => number): number {
  return told.filter(({ backend }) => backend === id).reduce((sum, load) => sum + of(load), 0);
}

function arrived({ outcomes }: Load): number {
  return outcomes?.arrived ?? 0;
}

function ended({ outcomes }: Load): number {
  return outcomes?.ended ?? 0;
}

function timed({ outcomes }: Load): number {
  return (outcomes?.durations ?? []).reduce((sum, it, at) => sum + (at % 2 === 1 ? it : 0), 0);
}
