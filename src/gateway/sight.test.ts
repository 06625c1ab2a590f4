import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { metricsText } from "../base/metrics.ts";
import type { Fleet } from "./fleet.ts";
import { ask, backendOf, Instance, Rig, routeOf, until } from "./rig.ts";
import { WorkerFiles } from "./worker_files.ts";
import { isThere } from "./worker_process.ts";

const HOST = "a.localhost";
const ID = "default/a-1";

test("what workers did is summed by revision, and stays so when one of them ends", async (t) => {
  await using rig = new Rig();
  const fleet = await rig.start({ workers: 2 });
  await using app = await Instance.start("app", (req, res) => {
    res.writeHead(req.url === "/bad" ? 500 : 200).end(req.url);
  });
  await fleet.putBackend(backendOf(ID, []));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  const cold = ask(fleet.address, { host: HOST, path: "/1" });
  await until("it waits", async () => (await textOf()).includes(`requests_queued{${LABELS}} 1`));
  await fleet.putBackend(backendOf(ID, [app]));
  await cold;
  for (let count = 0; count < 19; count += 1) {
    await ask(fleet.address, {
      host: HOST,
      path: count < 4 ? "/bad" : "/1",
      body: "abc",
      method: "PUT",
    });
  }
  await ask(fleet.address, { host: "unknown.localhost" });

  async function textOf(): Promise<string> {
    return metricsText(await fleet.metrics());
  }
  const wanted = [
    `varve_gateway_requests_total{${LABELS},code="2xx"} 16`,
    `varve_gateway_requests_total{${LABELS},code="5xx"} 4`,
    `varve_gateway_request_duration_seconds_count{${LABELS}} 20`,
    `varve_gateway_cold_start_seconds_count{${LABELS}} 1`,
    `varve_gateway_requests_in_flight{${LABELS}} 0`,
    `varve_gateway_requests_waited_total{${LABELS}} 1`,
    `varve_gateway_instances{${LABELS}} 1`,
    `varve_gateway_request_bytes_total{${LABELS}} 57`,
    `varve_gateway_response_bytes_total{${LABELS}} 48`,
    "varve_gateway_unknown_host_requests_total 1",
  ];
  const text = await textOf();
  for (const line of wanted) assert(text.includes(`${line}\n`), `${line} in\n${text}`);

  const [record] = new WorkerFiles(rig.home).readAll();
  assert(record !== undefined);
  process.kill(record.id.pid, "SIGKILL");
  await until("it is gone", () => !isThere(record));
  const after = await textOf();
  for (const line of wanted) assert(after.includes(`${line}\n`), `${line} in\n${after}`);

  await t.test("promtool finds nothing wrong with it", (it) => {
    const checked = spawnSync("promtool", ["check", "metrics"], { input: text });
    if (checked.error !== undefined) it.skip("promtool is not there: apt-get install prometheus");
    else assert.equal(checked.status, 0, String(checked.stderr));
  });
});

const LABELS = 'namespace="default",revision="a-1"';

test("what an ended worker counted is in every sum of later, whoever runs control", async () => {
  await using rig = new Rig();
  await using app = await Instance.start("app");
  const first = await rig.start({ workers: 2, limits: { farewellMs: 50 } });
  await first.putBackend(backendOf(ID, [app]));
  await first.putRoute(routeOf(HOST, { [ID]: 100 }));
  let asked = 0;
  const counted = async (fleet: Fleet) => {
    const text = metricsText(await fleet.metrics());
    return Number(new RegExp(`requests_total{${LABELS},code="2xx"} (\\d+)`).exec(text)?.[1]);
  };
  const askMore = async (fleet: Fleet) => {
    for (let count = 0; count < 10; count += 1) await ask(fleet.address, { host: HOST });
    asked += 10;
  };
  await askMore(first);
  await first.replaceWorkers();
  assert.equal(await counted(first), asked, "nobody had asked for the counts of those before");
  await askMore(first);
  await first[Symbol.asyncDispose]();
  const second = await rig.start({ workers: 2, limits: { farewellMs: 51 } });
  assert.equal(await counted(second), asked, "the next control process goes on with them");
  await until("the others are gone", () => second.status().workers.length === 2);
  assert.equal(await counted(second), asked, "nothing counts twice");
  await askMore(second);
  await second.stopWorkers();
  const third = await rig.start();
  assert.equal(await counted(third), asked, "a start from nothing goes on with them, too");
  await third.settled();
  assert.equal(await counted(third), Number.NaN, "a revision that was deleted is forgotten");
});

const PLAIN = { method: "GET", target: "/", isTls: false, client: "::1", headers: {} };

test("whichever worker counts, it is told who waits, and what is open", async () => {
  await using rig = new Rig();
  await using stack = new AsyncDisposableStack();
  const fleet = await rig.start({ workers: 2, limits: { queueMax: 1 } });
  const answers: (() => void)[] = [];
  const app = stack.use(
    await Instance.start("app", (_, res) => void answers.push(() => res.end("late"))),
  );
  await fleet.putBackend(backendOf(ID, [app], { concurrency: 1 }));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  const told = async () => {
    const { instance, wait, refusal } = await fleet.explain({ ...PLAIN, host: HOST });
    return instance === undefined ? (wait ?? refusal?.code) : [instance.open, instance.down];
  };
  const asked: Promise<unknown>[] = [];
  const askUntil = async (what: unknown) => {
    asked.push(ask(fleet.address, { host: HOST }));
    await until(String(what), async () => isDeepStrictEqual(await told(), what));
  };
  assert.deepEqual(await told(), [0, undefined]);
  await askUntil("its 1 instances serve as many requests as they may: the request would wait");
  await askUntil(503);
  answers[0]?.();
  await until("the next is there", () => answers.length === 2);
  answers[1]?.();
  await Promise.all(asked);
  await fleet.putBackend(backendOf(ID, [app]));
  for (const count of [1, 2, 3, 4]) {
    asked.push(ask(fleet.address, { host: HOST }));
    await until("it has come", () => answers.length === 2 + count);
  }
  assert.deepEqual(await told(), [4, undefined], "each worker counts its own");
  for (const answer of answers) answer();
  await Promise.all(asked);
});

test("instances that do not answer are told of", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using app = await Instance.start("app");
  const gone = await Instance.start("gone");
  const { endpoint } = gone;
  await gone[Symbol.asyncDispose]();
  const spec = backendOf(ID, [app]);
  await fleet.putBackend({ ...spec, endpoints: [endpoint, ...spec.endpoints] });
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  assert.equal((await ask(fleet.address, { host: HOST })).body, "app");
  const { instance } = await fleet.explain({ ...PLAIN, host: HOST });
  assert.deepEqual([instance?.name, instance?.of, instance?.down], ["app", 2, 1]);
  await fleet.putBackend({ ...spec, endpoints: [endpoint] });
  const { wait } = await fleet.explain({ ...PLAIN, host: HOST });
  assert.equal(wait, "none of its 1 instances answers: the request would wait");
});

test("it is told where a request would go, and why, and nothing counts", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await fleet.settled();
  await using app = await Instance.start("app");
  await fleet.putBackend(backendOf(ID, [app]));
  await fleet.putBackend({ ...backendOf("default/a-2", []), why: "it is being built" });
  const tags = { next: "default/a-2" };
  const guards = { rateLimits: [{ requests: 1, per: "1h" }], ip: { deny: ["10.0.0.0/8"] } };
  const split = { [ID]: 75, "default/a-2": 25 };
  await fleet.putRoute({ ...routeOf(`*.${HOST}`, split), steering: { tags }, guards });
  const told = (headers: Record<string, string> = {}, client = "127.0.0.1") =>
    fleet.explain({
      ...{ method: "GET", target: "/x", host: `shop.${HOST}`, isTls: false, client, headers },
    });
  const { host: _, ...address } = app.endpoint;
  const head = {
    host: `shop.${HOST}`,
    under: `*.${HOST}`,
    route: `default/*.${HOST}`,
    split: [
      { revision: "a-1", percent: 75 },
      { revision: "a-2", percent: 25 },
    ],
  };
  const first = await told();
  assert.deepEqual(await told(), first, "no turn is taken, and no token");
  assert.deepEqual(await told({ "knative-serving-tag": "next" }), {
    ...head,
    why: "header Knative-Serving-Tag: next",
    revision: "default/a-2",
    wait: "it has no instance, and the request would wait for one: it is being built",
  });
  assert.deepEqual((await told({}, "10.1.1.1")).refusal, {
    code: 403,
    detail: "the policy of this host denies the address 10.1.1.1 (ip.deny)",
  });
  await fleet.putRoute({ ...routeOf(`*.${HOST}`, { [ID]: 100 }) });
  assert.deepEqual(await told(), {
    ...{ ...head, split: [{ revision: "a-1", percent: 100 }] },
    why: "split",
    revision: ID,
    instance: { name: "app", address: `127.0.0.1:${address.port}`, open: 0, of: 1 },
  });
  const toldOf = async (host: string) =>
    (await fleet.explain({ ...PLAIN, host })).refusal ?? "none";
  assert.deepEqual(
    [await toldOf("none.localhost"), await toldOf(`SHOP.${HOST}.:8080`), await toldOf("a b")],
    [
      { code: 404, detail: 'no service has the host "none.localhost"' },
      "none",
      { code: 400, detail: "the host is not a host" },
    ],
  );
});
