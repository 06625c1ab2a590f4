import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { metricsText } from "../base/metrics.ts";
import { ask, backendOf, Instance, RawClient, Rig, routeOf, until } from "./rig.ts";

const HOST = "a.localhost";
const ID = "default/a-1";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

test("requests are written down without their queries, failures in any case", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ settings: { accessLog: { sample: 0.5 } } });
  await using app = await Instance.start("app", (req, res) => {
    res.writeHead(req.url === "/bad" ? 503 : 200).end("hello");
  });
  await fleet.putBackend(backendOf(ID, [app]));
  const guards = { ip: { deny: ["10.0.0.0/8"] } };
  await fleet.putRoute({ ...routeOf(HOST, { [ID]: 100 }), guards });
  const headers = { traceparent: PARENT };
  for (let count = 0; count < 10; count += 1) {
    await ask(fleet.address, { host: HOST, path: `/${count}?token=secret`, headers });
  }
  for (let count = 0; count < 3; count += 1) await ask(fleet.address, { host: HOST, path: "/bad" });
  const path = join(rig.home, "gateway", "access-0.log");
  const lines = () => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []);
  await until("all is there", () => lines().length >= 8);
  const text = lines().join("\n");
  assert(!text.includes("secret"), text);
  const entries = lines().map((line) => JSON.parse(line));
  const bad = entries.filter(({ status }) => status === 503);
  assert.deepEqual([entries.length, bad.length], [8, 3]);
  const { time, ms, ...first } = entries[0];
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert(ms > 0, String(ms));
  assert.deepEqual(first, {
    ...{ method: "GET", host: HOST, path: first.path, status: 200, client: "127.0.0.1" },
    ...{ revision: ID, instance: "app", in: 0, out: 5, trace: TRACE },
  });
});

test("what gets no further than the front is written down as well, and counted", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ settings: { accessLog: { sample: 1 } } });
  await ask(fleet.address, { host: "soon.localhost" });
  await fleet.settled();
  await ask(fleet.address, { host: "none.localhost", path: "/x?secret", method: "PUT" });
  assert(fleet.address !== undefined);
  using raw = new RawClient(fleet.address);
  raw.say("GET / HTTP/1.1", "Host : a", "", "");
  await raw.hears("HTTP/1.1 400");
  const path = join(rig.home, "gateway", "access-0.log");
  const lines = () => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []);
  await until("all is there", () => lines().length === 3);
  const told = lines().map((line) => {
    const { time: _, ms: __, ...rest } = JSON.parse(line);
    return rest;
  });
  const client = "127.0.0.1";
  assert.deepEqual(told, [
    {
      ...{ method: "GET", host: "soon.localhost", path: "/", status: 503, client },
      refusal:
        "the gateway has just started, and does not know yet who has the host " +
        '"soon.localhost"',
    },
    {
      ...{ method: "PUT", host: "none.localhost", path: "/x", status: 404, client },
      refusal: 'no service has the host "none.localhost"',
    },
    {
      ...{ status: 400, client },
      refusal: "the name of a header must be a token, with the colon right behind it",
    },
  ]);
  const text = metricsText(await fleet.metrics());
  assert(text.includes("varve_gateway_bad_requests_total 1\n"), text);
  assert(text.includes("varve_gateway_unknown_host_requests_total 2\n"), text);
});

test("spans go to the collector, and the instance is told of the one it is part of", async () => {
  const spans: { readonly [key: string]: unknown }[] = [];
  const collector = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString());
      spans.push(...resourceSpans[0].scopeSpans[0].spans);
      res.end("{}");
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const { port } = collector.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}/v1/traces`;
  await using rig = new Rig();
  const fleet = await rig.start({ settings: { tracing: { endpoint, sample: 1 } } });
  const seen: IncomingHttpHeaders[] = [];
  await using app = await Instance.start("app", (req, res) => {
    seen.push(req.headers);
    res.end();
  });
  await fleet.putBackend(backendOf(ID, [app]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  await ask(fleet.address, { host: HOST, path: "/x?y", headers: { traceparent: PARENT } });
  await ask(fleet.address, { host: HOST, headers: { traceparent: PARENT.replace(/01$/, "00") } });
  await ask(fleet.address, { host: HOST });
  await until("both are there", () => spans.length === 2);
  const [first, second] = spans;
  assert.deepEqual(
    [first?.["traceId"], first?.["parentSpanId"], first?.["name"], first?.["kind"]],
    [TRACE, "00f067aa0ba902b7", "GET", 2],
  );
  assert.equal(seen[0]?.["traceparent"], `00-${TRACE}-${first?.["spanId"]}-01`);
  assert.match(String(seen[1]?.["traceparent"]), new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  assert.equal(seen[2]?.["traceparent"], `00-${second?.["traceId"]}-${second?.["spanId"]}-01`);
  assert.equal(second?.["parentSpanId"], undefined);
  const attributes = first?.["attributes"] as readonly { readonly key: string }[];
  assert.deepEqual(
    attributes.find(({ key }) => key === "url.path"),
    { key: "url.path", value: { stringValue: "/x" } },
  );
  collector.closeAllConnections();
  collector.close();
});

test("what a worker knows of the last requests is written before it ends", async () => {
  await using rig = new Rig();
  const limits = { farewellMs: 50 };
  const fleet = await rig.start({ limits, settings: { accessLog: { sample: 1 } } });
  let answer = () => {};
  await using app = await Instance.start("app", (_, res) => {
    answer = () => res.end("at last");
  });
  await fleet.putBackend(backendOf(ID, [app]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  const asked = ask(fleet.address, { host: HOST, path: "/last" });
  await until("it is open", async () => {
    return metricsText(await fleet.metrics()).includes("requests_in_flight{");
  });
  const replaced = fleet.replaceWorkers();
  await until("it drains", () => fleet.status().workers[0]?.state === "retiring");
  answer();
  assert.equal((await asked).body, "at last");
  await replaced;
  assert.match(readFileSync(join(rig.home, "gateway", "access-0.log"), "utf8"), /"path":"\/last"/);
});

test("what a worker cuts when its time is over is counted and written down", async () => {
  await using rig = new Rig();
  const limits = { farewellMs: 20, drainMs: 400 };
  const fleet = await rig.start({ limits, settings: { accessLog: { sample: 0 } } });
  let open = 0;
  await using app = await Instance.start("app", () => {
    open += 1;
  });
  await fleet.putBackend(backendOf(ID, [app]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  const { port = 0 } = fleet.address ?? {};
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const stream = session.request({ ":path": "/h2", ":authority": HOST });
  stream.on("error", () => {});
  const cut = assert.rejects(ask(fleet.address, { host: HOST, path: "/h1" }));
  await until("both are open", () => open === 2);
  await fleet.replaceWorkers();
  await cut;
  session.destroy();
  const text = metricsText(await fleet.metrics());
  assert(text.includes('requests_total{namespace="default",revision="a-1",code="broken"} 2'), text);
  const log = readFileSync(join(rig.home, "gateway", "access-0.log"), "utf8");
  const told = log.split("\n", 2).map((line) => JSON.parse(line));
  assert.deepEqual(told.map(({ path, status }) => `${path} ${status}`).sort(), ["/h1 0", "/h2 0"]);
});

test("a share is copied to another revision, which can do no harm to the request", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  const copies: string[] = [];
  await using app = await Instance.start("app");
  await using trial = await Instance.start("trial", (req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      copies.push(`${req.method} ${req.url} ${req.headers["varve-mirror"]} ${chunks.join("")}`);
      // It breaks, and answers nothing.
      res.destroy();
    });
  });
  await fleet.putBackend(backendOf(ID, [app]));
  await fleet.putBackend(backendOf("default/a-2", [trial]));
  const mirrors = [{ backend: "default/a-2", percent: 50 }];
  await fleet.putRoute({ ...routeOf(HOST, { [ID]: 100 }), steering: { mirrors } });
  for (let count = 0; count < 10; count += 1) {
    const sent = { host: HOST, method: "POST", path: `/${count}`, body: "abc" };
    assert.equal((await ask(fleet.address, sent)).body, "app");
  }
  await until("half of them are there", () => copies.length === 5);
  assert.match(copies[0] ?? "", /^POST \/\d true abc$/);
  const long = { host: HOST, method: "POST", body: "x".repeat(2 * 1024 * 1024) };
  for (let count = 0; count < 2; count += 1) {
    assert.equal((await ask(fleet.address, long)).body, "app");
  }
  const text = metricsText(await fleet.metrics());
  const labels = '{namespace="default",revision="a-2"}';
  assert(text.includes(`varve_gateway_mirrored_total${labels} 5\n`), text);
  assert.equal(copies.length, 5);
});
