import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../base/assert.ts";
import { seededChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { pickBackend, pickEndpoint } from "./pick.ts";
import type { BackendSpec, RouteSpec } from "./route_table.ts";
import { Table } from "./table.ts";

const ID = "default/a-1";
const HOST = "a.localhost";

test("an endpoint that stays is the same object with its count, one that moved is another", () => {
  const { table, takenOut } = newTable();
  table.putBackend(backendOf({ stays: 1, moves: 2, goes: 3 }));
  table.putRoute(routeTo(HOST));
  const backend = table.backend(ID);
  const before = backend?.endpoints ?? [];
  for (const endpoint of before) endpoint.open = 7;
  table.putBackend(backendOf({ comes: 4, moves: 5, stays: 1 }, { concurrency: 2 }));
  assert.equal(table.backend(ID), backend);
  assert.equal(backend?.endpoints[2], before[0]);
  assert.deepEqual(
    backend?.endpoints.map(({ name, open, openMax }) => ({ name, open, openMax })),
    [
      { name: "comes", open: 0, openMax: 2 },
      { name: "moves", open: 0, openMax: 2 },
      { name: "stays", open: 7, openMax: 2 },
    ],
  );
  assert.deepEqual(takenOut, ["moves:2", "goes:3"]);
  assert(before.slice(1).every(({ openMax, isDraining }) => openMax === 0 && isDraining));
});

test("fewer endpoints than there were leave the turn among those that are left", () => {
  const { table } = newTable();
  table.putBackend(backendOf({ a: 1, b: 2, c: 3 }));
  const backend = table.backend(ID);
  assert(backend !== undefined);
  pickEndpoint(backend);
  pickEndpoint(backend);
  table.putBackend(backendOf({ a: 1 }));
  assert.equal(pickEndpoint(backend)?.name, "a");
});

test("a host that moves to another route keeps its place in the split", () => {
  const { table } = newTable();
  table.putBackend(backendOf({}));
  table.putRoute(routeTo(HOST));
  const rule = table.rules.get(HOST);
  assert(rule !== undefined);
  pickBackend(rule);
  const { turn } = rule;
  table.putRoute({ ...routeTo(HOST), id: "other" });
  table.deleteRoute("route");
  assert.equal(table.rules.get(HOST), rule);
  assert.deepEqual([rule.turn, rule.route], [turn, "other"]);
  table.putRoute({ ...routeTo("b.localhost"), id: "other" });
  assert.deepEqual(table.rules.names(), ["b.localhost"]);
});

test("a rule's first share has no more than its own, however often there are changes", () => {
  const { table } = newTable();
  const [one, other] = [ID, "default/other"];
  for (const id of [one, other]) table.putBackend({ ...backendOf({}), id });
  const split = [one, other].map((backend) => ({ backend, percent: 50 }));
  const rules = [{ name: "all", match: { path: "/" }, split }];
  const drawn = Array.from({ length: 200 }, () => {
    table.putRoute({ ...routeTo(HOST), steering: { rules } });
    return drawnFor(table);
  });
  const count = drawn.filter((id) => id === one).length;
  assert(count > 60 && count < 140, String(count));
});

function drawnFor(table: Table): string | undefined {
  let drawn: string | undefined;
  const line = { method: "GET", target: "/", host: HOST, peer: "127.0.0.1" };
  const asked = { ...line, isTls: false, bodyBytes: 0, header: () => undefined };
  table.rules.get(HOST)?.special?.admit(asked, {
    go: ({ backend }) => {
      drawn = backend.id;
    },
    refuse: ({ detail }) => assert.fail(detail),
  });
  return drawn;
}

const WRONG: readonly { readonly title: string; readonly act: (table: Table) => void }[] = [
  { title: "an unknown backend", act: (table) => table.putRoute(routeTo(HOST, "default/x")) },
  { title: "a sum other than 100", act: (table) => table.putRoute(routeTo(HOST, ID, 99)) },
  { title: "a host in capitals", act: (table) => table.putRoute(routeTo("A.localhost")) },
  { title: "a port that is none", act: (table) => table.putBackend(backendOf({ a: 0 })) },
];

for (const { title, act } of WRONG) {
  test(`what the hot side could not trust does not get there: ${title}`, () => {
    const { table } = newTable();
    table.putBackend(backendOf({}));
    assert.throws(() => act(table), AssertionError);
    assert.deepEqual(table.rules.names(), []);
  });
}

function newTable() {
  const takenOut: string[] = [];
  const table = new Table({
    clock: systemClock,
    chance: seededChance(1),
    changed: () => {},
    takenOut: ({ name, port }) => takenOut.push(`${name}:${port}`),
  });
  return { table, takenOut };
}

function backendOf(ports: Readonly<Record<string, number>>, limits = {}): BackendSpec {
  const endpoints = Object.entries(ports).map(([name, port]) => {
    return { name, host: "127.0.0.1", port };
  });
  return { id: ID, endpoints, limits: { timeoutMs: 1_000, concurrency: 0, ...limits } };
}

function routeTo(host: string, backend = ID, percent = 100): RouteSpec {
  return { id: "route", hosts: [{ host, split: [{ backend, percent }] }] };
}
