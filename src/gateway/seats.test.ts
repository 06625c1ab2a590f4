import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { metricsText } from "../base/metrics.ts";
import type { Fleet } from "./fleet.ts";
import { ask, backendOf, type Handler, Instance, Load, Rig, routeOf, until } from "./rig.ts";

const ID = "default/single-00001";
const HOST = "single.localhost";

/** Counts how many requests were open at once. */
function counting(): { readonly handler: Handler; most(): number; served(): number } {
  let open = 0;
  let most = 0;
  let served = 0;
  const handler: Handler = (_, res) => {
    open += 1;
    most = Math.max(most, open);
    res.once("close", () => {
      open -= 1;
    });
    systemClock.after(2, () => {
      served += 1;
      res.end("ok");
    });
  };
  return { handler, most: () => most, served: () => served };
}

test("several workers keep one limit: no instance serves more at once than it may", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ workers: 3 });
  const { handler, most, served } = counting();
  await using one = await Instance.start("one", handler);
  await fleet.putBackend(backendOf(ID, [], { concurrency: 1 }));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  const told: string[] = [];
  using _ = fleet.onWaiting((backend) => void told.push(backend));
  const asked = Array.from({ length: 100 }, () => ask(fleet.address, { host: HOST }));
  await until("control is told", () => told.length > 0);
  await fleet.putBackend(backendOf(ID, [one], { concurrency: 1 }));
  const replies = await Promise.all(asked);
  assert.deepEqual(
    new Set(replies.map(({ code, body }) => `${code} ${body}`)),
    new Set(["200 ok"]),
  );
  assert.deepEqual(
    { most: most(), served: served(), told: told[0] },
    { most: 1, served: 100, told: ID },
  );
  await fleet.putBackend(backendOf(ID, [], { concurrency: 1 }));
  await fleet.drained("one", 60_000);
});

test("when a worker dies the other keeps the counts, and nobody waits for the dead", async () => {
  await using rig = new Rig();
  await using stack = new AsyncDisposableStack();
  const fleet = await rig.start({ workers: 2 });
  const counters = Array.from({ length: 8 }, counting);
  const loads: Load[] = [];
  for (const [at, { handler }] of counters.entries()) {
    const one = stack.use(await Instance.start(`one-${at}`, handler));
    await fleet.putBackend(backendOf(`${ID}${at}`, [one], { concurrency: 1 }));
    await fleet.putRoute(routeOf(`${at}.${HOST}`, { [`${ID}${at}`]: 100 }));
    loads.push(stack.use(new Load(fleet.address, 3, { host: `${at}.${HOST}` })));
  }
  await Promise.all(loads.map((load) => load.goesOn(20)));
  assert.deepEqual(new Set(counters.map(({ most }) => most())), new Set([1]));
  const [oldest] = fleet.status().workers;
  process.kill(oldest?.pid ?? 0, "SIGKILL");
  await until("it is gone", () => fleet.ready === 1);
  await Promise.all(loads.map((load) => load.goesOn(20)));
  await until("another has come", () => fleet.ready === 2);
  await Promise.all(loads.map((load) => load.goesOn(20)));
  await Promise.all(loads.map((load) => load.stop()));
  assert.deepEqual(new Set(loads.flatMap(({ answers }) => [...answers.keys()])), new Set(["ok"]));
  // Each of three clients may meet the dying twice: by a connection, and by one that was queued.
  const more = loads.map(({ failures }) => failures).filter(({ length }) => length > 6);
  assert.deepEqual(more, []);
});

test("an instance that refuses connections loses nothing, whichever worker counts", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ workers: 2 });
  const dead = await Instance.start("dead");
  const { endpoint } = dead;
  await dead[Symbol.asyncDispose]();
  await using live = await Instance.start("live");
  const spec = backendOf(ID, [live], { concurrency: 4 });
  await fleet.putBackend({ ...spec, endpoints: [endpoint, ...spec.endpoints] });
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  await using load = new Load(fleet.address, 8, { host: HOST, method: "POST", body: "x" });
  await load.goesOn(300);
  await load.stop();
  assert.deepEqual([load.failures, [...load.answers.keys()]], [[], ["live"]]);
  const counts = await countsOf(fleet, ["ejections_total", "instances_down"]);
  assert.deepEqual(counts, [1, 1]);
});

test("what waits is counted, and a full queue told of, by whichever worker", async () => {
  await using rig = new Rig();
  await using stack = new AsyncDisposableStack();
  const fleet = await rig.start({ workers: 2, limits: { queueMax: 2 } });
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const one = stack.use(
    await Instance.start("one", async (req, res) => {
      if (req.url === "/slow") await over;
      res.end("one");
    }),
  );
  // A place is free again a moment after its answer has come, so one alone may be awaited.
  await fleet.putBackend(backendOf(ID, [one], { concurrency: 10 }));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  for (let count = 0; count < 10; count += 1) await ask(fleet.address, { host: HOST });
  assert.deepEqual(await countsOf(fleet, ["requests_waited_total"]), [0], "one was always free");
  await fleet.putBackend(backendOf(ID, [one], { concurrency: 1 }));
  const slow = () => ask(fleet.address, { host: HOST, path: "/slow" });
  const asked = Array.from({ length: 3 }, slow);
  await until("it is full", async () => (await countsOf(fleet, ["requests_queued"]))[0] === 2);
  const refused = await Promise.all(Array.from({ length: 10 }, slow));
  const what = 'revision "single-00001": pending request queue full: 2 are waiting\n';
  assert.deepEqual(new Set(refused.map(({ body }) => body)), new Set([what]));
  end();
  await Promise.all(asked);
  assert.deepEqual(await countsOf(fleet, ["requests_waited_total"]), [2]);
});

/** Metrics of the one revision, by the ends of their names. */
async function countsOf(fleet: Fleet, names: readonly string[]): Promise<readonly number[]> {
  const text = metricsText(await fleet.metrics());
  return names.map((name) => Number(new RegExp(`_${name}{[^}]*} (\\d+)`).exec(text)?.[1]));
}

test("control is told what there is to do: each request once, over all workers", async () => {
  await using rig = new Rig();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  await using slow = await Instance.start("slow", async (_, res) => {
    await over;
    res.end("slow");
  });
  const fleet = await rig.start({ workers: 2 });
  const load = { busyMs: 0, requests: 0 };
  using _ = fleet.onLoad((loads) => {
    for (const { busyMs, requests } of loads) {
      load.busyMs += busyMs;
      load.requests += requests;
    }
  });
  await fleet.putBackend(backendOf("default/a-00001", [slow], { concurrency: 2 }));
  await fleet.putRoute(routeOf("a.localhost", { "default/a-00001": 100 }));
  const asked = Array.from({ length: 4 }, () => ask(fleet.address, { host: "a.localhost" }));
  await until("all are told of", () => load.requests === 4 && load.busyMs > 4000);
  end();
  await Promise.all(asked);
  await systemClock.sleep(2200);
  const { busyMs } = load;
  await systemClock.sleep(1100);
  assert.deepEqual(load, { busyMs, requests: 4 }, "nothing is open any more");
});
