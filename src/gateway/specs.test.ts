import assert from "node:assert/strict";
import { test } from "node:test";
import { isReason } from "../api/error.ts";
import { seededChance, systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import type { Change } from "./protocol.ts";
import type { BackendSpec, RouteSpec } from "./route_table.ts";
import { Specs } from "./specs.ts";
import { Table } from "./table.ts";

const A = "default/a-1";
const B = "default/b-1";

test("saying the same again is no change", () => {
  const specs = new Specs();
  assert.deepEqual(specs.putBackend(backend(A)), [{ putBackend: backend(A) }]);
  assert.deepEqual(specs.putBackend(backend(A)), []);
  const route = routeOf("r", { "a.localhost": { [A]: 100 } });
  assert.deepEqual(specs.putRoute(route), [{ putRoute: route }]);
  assert.deepEqual(specs.putRoute(structuredClone(route)), []);
  assert.deepEqual(specs.deleteRoute("r"), [{ deleteRoute: "r" }]);
  assert.deepEqual(specs.deleteRoute("r"), []);
});

const REFUSALS: readonly { readonly title: string; readonly act: (s: Specs) => unknown }[] = [
  { title: "Invalid: percentages must add up", act: (s) => s.putRoute(one({ [A]: 99 })) },
  { title: "Invalid: in steps of 0.1", act: (s) => s.putRoute(one({ [A]: 99.95, [B]: 0.05 })) },
  { title: "NotFound: is not known", act: (s) => s.putRoute(one({ "default/x": 100 })) },
  {
    title: "Invalid: in lower case, without a port",
    act: (s) => s.putRoute(routeOf("r", { "A.localhost": { [A]: 100 } })),
  },
  {
    title: "Invalid: in lower case, without a port",
    act: (s) => s.putRoute(routeOf("r", { "a.localhost:80": { [A]: 100 } })),
  },
  {
    title: "Invalid: is there twice",
    act: (s) => s.putRoute({ id: "r", hosts: [...one({ [A]: 100 }).hosts, ...one({}).hosts] }),
  },
  {
    title: "AlreadyExists: has the host",
    act: (s) => s.putRoute(routeOf("other", { "taken.localhost": { [A]: 100 } })),
  },
  { title: "Invalid: timeoutMs", act: (s) => s.putBackend(backend(B, { timeoutMs: 2 ** 31 })) },
  { title: "Invalid: concurrency", act: (s) => s.putBackend(backend(B, { concurrency: -1 })) },
  {
    title: "Invalid: port",
    act: (s) => s.putBackend({ ...backend(B), endpoints: [{ name: "i", host: "h", port: 0 }] }),
  },
];

for (const { title, act } of REFUSALS) {
  test(`what the workers could not serve is refused: ${title}`, () => {
    const specs = new Specs();
    specs.putBackend(backend(A));
    specs.putRoute(routeOf("first", { "taken.localhost": { [A]: 100 } }));
    const [reason, words] = title.split(": ") as ["Invalid", string];
    const before = [...specs.changes()];
    assert.throws(
      () => act(specs),
      (thrown) => isReason(thrown, reason) && thrown.message.includes(words),
    );
    assert.deepEqual([...specs.changes()], before);
  });
}

test("what was inherited gives way to what is said, and goes when nobody has said it again", () => {
  const first = new Specs();
  for (const id of [A, B, "default/c-1"]) first.putBackend(backend(id));
  first.putRoute(routeOf("old", { "x.localhost": { [A]: 100 }, "y.localhost": { [B]: 100 } }));
  const second = new Specs();
  second.inherit(first.changes());
  assert.deepEqual([...second.changes()], [...first.changes()]);

  const taken = routeOf("new", { "x.localhost": { [A]: 100 } });
  const rest = routeOf("old", { "y.localhost": { [B]: 100 } });
  assert.deepEqual(second.putRoute(taken), [{ putRoute: taken }, { putRoute: rest }]);
  assert.deepEqual(second.dropInherited(), [
    { deleteRoute: "old" },
    { deleteBackend: B },
    { deleteBackend: "default/c-1" },
  ]);
  assert.deepEqual(second.counts, { routes: 1, backends: 1 });
});

test("a worker that follows the changes ends with the table of one that gets it whole", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const { fraction } = seededChance(seed);
  const specs = new Specs();
  const follower = newTable();
  const any = (count: number) => Math.floor(fraction() * count);
  for (let step = 0; step < 3_000; step += 1) {
    let changes: readonly Change[] = [];
    try {
      changes = randomChange(specs, any);
    } catch (thrown) {
      assert(isReason(thrown, "NotFound") || isReason(thrown, "AlreadyExists"), `seed ${seed}`);
    }
    for (const change of changes) follower.apply(change);
    if (step % 100 > 0) continue;
    const whole = newTable();
    for (const change of specs.changes()) whole.apply(change);
    assert.deepEqual(shapeOf(follower), shapeOf(whole), `seed ${seed}`);
    assert.deepEqual(new Set(follower.changes()), new Set(specs.changes()), `seed ${seed}`);
  }
});

function randomChange(specs: Specs, any: (count: number) => number): readonly Change[] {
  const id = `default/r-${any(6)}`;
  const route = `route-${any(4)}`;
  const percent = any(101);
  const split = { [id]: percent, [`default/r-${6 + any(3)}`]: 100 - percent };
  const hosts = Object.fromEntries([any(5), any(5)].map((at) => [`h${at}.localhost`, split]));
  const acts = [
    () => specs.putBackend(backend(id, { timeoutMs: 1 + any(3) })),
    () => specs.putBackend(backend(`default/r-${6 + any(3)}`)),
    () => specs.deleteBackend(id),
    () => specs.putRoute(routeOf(route, hosts)),
    () => specs.putRoute(routeOf(route, hosts)),
    () => specs.deleteRoute(route),
  ];
  return acts[any(acts.length)]?.() ?? [];
}

function newTable(): Table {
  return new Table({
    clock: systemClock,
    chance: seededChance(1),
    changed: () => {},
    takenOut: () => {},
  });
}

function shapeOf(table: Table) {
  return table.rules
    .names()
    .toSorted()
    .map((host) => {
      const { route, backends = [], order } = table.rules.own(host) ?? {};
      return { host, route, order, shares: backends.map(({ id, isGone }) => ({ id, isGone })) };
    });
}

function backend(id: string, limits = {}): BackendSpec {
  return { id, endpoints: [], limits: { timeoutMs: 1_000, concurrency: 0, ...limits } };
}

function one(shares: Readonly<Record<string, number>>): RouteSpec {
  return routeOf("r", { "a.localhost": shares });
}

function routeOf(
  id: string,
  hosts: Readonly<Record<string, Readonly<Record<string, number>>>>,
): RouteSpec {
  const list = Object.entries(hosts).map(([host, shares]) => {
    const split = Object.entries(shares).map(([id, percent]) => ({ backend: id, percent }));
    return { host, split };
  });
  return { id, hosts: list };
}

test("the lesser claim has a host; who loses it keeps the rest and what is asked there", () => {
  const specs = new Specs();
  specs.putBackend(backend(A));
  const split = [{ backend: A, percent: 100 }];
  const guards = { ip: { deny: ["10.0.0.1"] } };
  const claims = (id: string, claim: string, host: string) => {
    const own = { host: `${id}.localhost`, split };
    return { id, hosts: [own, { host, split, claim }], guards };
  };
  const [early, late] = [claims("early", "1", "x.com"), claims("late", "2", "x.com")];
  specs.putRoute(late);
  assert.deepEqual(specs.putRoute(early), [
    { putRoute: early },
    { putRoute: { ...late, hosts: late.hosts.slice(0, 1) } },
  ]);
  assert.throws(() => specs.putRoute(late), /route "early" has the host "x.com"/);
  const own = claims("third", "3", "early.localhost");
  assert.throws(() => specs.putRoute(own), /route "early" has the host "early.localhost"/);
});
