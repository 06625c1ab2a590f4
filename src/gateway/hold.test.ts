import assert from "node:assert/strict";
import { Agent } from "node:http";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { every, systemClock } from "../base/clock.ts";
import { ask, backendOf, type Handler, Instance, RawClient, routeOf, until } from "./rig.ts";
import type { BackendLimits, EndpointSpec } from "./route_table.ts";
import { fleetOfSuite } from "./suite_fleet.ts";

/** Small, so that a test can fill it. */
const QUEUE_MAX = 40;
const { fleet, address, cleanup } = await fleetOfSuite({ limits: { queueMax: QUEUE_MAX } });
let count = 0;

interface Served {
  readonly host: string;
  readonly id: string;
  /** Says which endpoints there are now. */
  put(endpoints: readonly EndpointSpec[], why?: string): Promise<void>;
}

/** A host and a backend of its own for one test, with no instance yet. */
async function serve(limits: Partial<BackendLimits> = {}): Promise<Served> {
  count += 1;
  const id = `default/held-${count}`;
  const host = `held-${count}.localhost`;
  const spec = backendOf(id, [], limits);
  await fleet.putBackend(spec);
  await fleet.putRoute(routeOf(host, { [id]: 100 }));
  const put = (endpoints: readonly EndpointSpec[], why?: string) =>
    fleet.putBackend({ ...spec, endpoints, ...(why !== undefined && { why }) });
  return { host, id, put };
}

async function start(name: string, handler?: Handler): Promise<Instance> {
  return cleanup.use(await Instance.start(name, handler));
}

test("requests wait for the first instance, and control is told at once and again", async () => {
  const { host, id, put } = await serve();
  const told: number[] = [];
  using _ = fleet.onWaiting((backend) => {
    if (backend === id) told.push(systemClock.elapsed());
  });
  const replies = Array.from({ length: 20 }, (_, at) =>
    ask(address, { host, method: "POST", body: `body ${at}` }),
  );
  await until("control is told", () => told.length >= 1);
  const first = told.length;
  await until("control is told again", () => told.length > first);
  const instance = await start("late", (req, res) => req.pipe(res));
  await put([instance.endpoint]);
  const bodies = (await Promise.all(replies)).map(({ code, body }) => `${code} ${body}`);
  assert.deepEqual(
    bodies,
    Array.from({ length: 20 }, (_, at) => `200 body ${at}`),
  );
});

test("an instance serves as many at once as it may, and the rest in their order", async () => {
  const { host, put } = await serve({ concurrency: 2 });
  const order: string[] = [];
  let open = 0;
  let most = 0;
  const finish: (() => void)[] = [];
  const handler: Handler = (req, res) => {
    order.push(req.url ?? "");
    open += 1;
    most = Math.max(most, open);
    finish.push(() => {
      open -= 1;
      res.end("ok");
    });
  };
  await put([(await start("one", handler)).endpoint]);
  const replies: Promise<unknown>[] = [];
  using client = new RawClient(address);
  for (let at = 0; at < 6; at += 1) {
    // The second half waits, so the one before has to be there before the next may come.
    replies.push(ask(address, { host, path: `/${at}` }));
    if (at < 2) await until("it is served", () => order.length === at + 1);
    else await probe(client, host);
  }
  for (let at = 0; at < 6; at += 1) {
    finish[at]?.();
    await until("the next is served", () => order.length === Math.min(6, at + 3));
  }
  await Promise.all(replies);
  assert.deepEqual({ most, order }, { most: 2, order: ["/0", "/1", "/2", "/3", "/4", "/5"] });
});

/** When this is answered, the worker has read what was sent on other connections before. */
async function probe(client: RawClient, host: string): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    client.heard = "";
    client.say("GET / HTTP/1.1", `Host: not-${host}`, "", "");
    await client.hears("no service has the host");
  }
}

test("a client that gives up leaves the queue, or frees the instance it had", async () => {
  const { host, put } = await serve({ concurrency: 1 });
  const served: string[] = [];
  let closed = 0;
  const instance = await start("slow", (req, res) => {
    served.push(req.url ?? "");
    res.on("close", () => {
      closed += 1;
    });
    if (req.url === "/last") res.end("ok");
  });
  await put([instance.endpoint]);
  const [first, second] = [new RawClient(address), new RawClient(address)];
  first.say("GET /first HTTP/1.1", `Host: ${host}`, "", "");
  await until("the first is served", () => served.length === 1);
  second.say("GET /second HTTP/1.1", `Host: ${host}`, "", "");
  using client = new RawClient(address);
  await probe(client, host);
  const last = ask(address, { host, path: "/last" });
  second[Symbol.dispose]();
  await probe(client, host);
  first[Symbol.dispose]();
  assert.equal((await last).body, "ok");
  await until("the first was broken off", () => closed === 2);
  assert.deepEqual(served, ["/first", "/last"]);
});

interface Late {
  readonly title: string;
  readonly limits: Partial<BackendLimits>;
  readonly handler: Handler | undefined;
  readonly code: number;
  readonly body: RegExp;
}

const SILENT: Handler = () => {};
const LATE: readonly Late[] = [
  {
    title: "no instance in time is a 503 that says why there is none",
    limits: { timeoutMs: 200 },
    handler: undefined,
    code: 503,
    body: /^revision "held-\d+": no instance became ready within 200 ms: it crashes\n$/,
  },
  {
    title: "no answer in time is a 504",
    limits: { timeoutMs: 200 },
    handler: SILENT,
    code: 504,
    body: /^request timeout: revision "held-\d+": instance "late-1" did not answer within 200 ms/,
  },
  {
    title: "no first byte in time is a 504",
    limits: { responseStartTimeoutMs: 150 },
    handler: SILENT,
    code: 504,
    body: /^request timeout: .* did not begin to answer within 150 ms\n$/,
  },
  {
    title: "silence is a 504 while no byte was sent",
    limits: { idleTimeoutMs: 150 },
    handler: SILENT,
    code: 504,
    body: /^request timeout: .* neither took nor sent a byte for 150 ms\n$/,
  },
  {
    title: "an instance that breaks the connection is a 502",
    limits: {},
    handler: (req) => req.socket.destroy(),
    code: 502,
    body: /^revision "held-\d+": instance "late-1" broke the connection before it answered: .+\n$/,
  },
  {
    title: "an instance that does not speak HTTP is a 502",
    limits: {},
    handler: (req) => req.socket.end("what?\r\n\r\n"),
    code: 502,
    body: /^revision "held-\d+": instance "late-1" broke the connection .* no HTTP\/1.1: .*\n$/,
  },
];

for (const { title, limits, handler, code, body } of LATE) {
  test(title, async () => {
    const { host, put } = await serve(limits);
    const endpoints = handler === undefined ? [] : [(await start("late-1", handler)).endpoint];
    await put(endpoints, "it crashes");
    const reply = await ask(address, { host, method: "POST", body: "x" });
    assert.equal(reply.code, code, reply.body);
    assert.match(reply.body, body);
    assert.equal(reply.headers["retry-after"] !== undefined, code === 503);
    const json = await ask(address, { host, headers: { accept: "application/json" } });
    const { status, revision, instanceName } = JSON.parse(json.body);
    const instance = handler === undefined ? undefined : "late-1";
    assert.deepEqual({ status, instanceName }, { status: code, instanceName: instance });
    assert.match(revision, /^held-\d+$/);
  });
}

test("all instances at their limit until the time is over is a 504 that says so", async () => {
  const { host, put } = await serve({ concurrency: 1, timeoutMs: 300 });
  let served = 0;
  const handler = () => {
    served += 1;
  };
  await put([(await start("busy", handler)).endpoint]);
  const first = ask(address, { host });
  await until("it is busy", () => served === 1);
  const { code, body } = await ask(address, { host });
  // The first may have ended a moment before, and then this one was served as well.
  assert.equal(code, 504);
  assert.match(body, /^request timeout: .*(had room: each serves 1 at once|did not answer)/);
  assert.equal((await first).code, 504);
});

test("after the first byte a timeout cuts the answer off", async () => {
  const { host, put } = await serve({ timeoutMs: 200 });
  await put([(await start("half", (_, res) => void res.write("half"))).endpoint]);
  await assert.rejects(ask(address, { host }), { code: "ECONNRESET" });
});

test("a stream is cut by silence, and not while there are bytes", async () => {
  const { host, put } = await serve({ timeoutMs: 500, idleTimeoutMs: 1_000 });
  let beats = 0;
  const instance = await start("stream", (_, res) => {
    res.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    const beat = every(systemClock, 60, () => {
      beats += 1;
      res.write(`data: ${beats}\n\n`);
      if (beats === 10) beat[Symbol.dispose]();
    });
  });
  await put([instance.endpoint]);
  using client = new RawClient(address);
  client.say("GET / HTTP/1.1", `Host: ${host}`, "", "");
  await client.hears("data: 10\n\n");
  await until("it is cut", () => client.isClosed);
});

test("one that refuses connections loses nothing: another takes it, or it waits", async () => {
  const { host, put } = await serve();
  const dead = await start("dead");
  const { endpoint } = dead;
  await dead[Symbol.asyncDispose]();
  const live = await start("live", (req, res) => req.pipe(res));
  await put([endpoint, live.endpoint]);
  for (let at = 0; at < 10; at += 1) {
    const { code, body } = await ask(address, { host, method: "POST", body: `b${at}` });
    assert.deepEqual([code, body], [200, `b${at}`]);
  }
  await put([endpoint]);
  const waiting = ask(address, { host, method: "POST", body: "patient" });
  const back = createServer((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
  });
  await new Promise<void>((resolve) => back.listen(endpoint.port, "127.0.0.1", resolve));
  assert.equal((await waiting).body, "hi");
  await new Promise((resolve) => back.close(resolve));
});

test("one that no instance accepts in time is told what the last one said", async () => {
  const { host, put } = await serve({ timeoutMs: 200 });
  const dead = await start("dead");
  const { endpoint } = dead;
  await dead[Symbol.asyncDispose]();
  await put([endpoint]);
  const { code, body } = await ask(address, { host });
  assert.equal(code, 503);
  assert.match(
    body,
    /none of its 1 instances accepted a connection .*: instance "dead": .*REFUSED/,
  );
});

/** Answers one request on a connection, and closes it when the next one comes. */
async function fickle(seen: string[]): Promise<EndpointSpec> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let requests = 0;
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      requests += 1;
      seen.push(bytes.toString().split(" ")[0] ?? "");
      if (requests > 1) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanup.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  return {
    name: "fickle",
    host: "127.0.0.1",
    port: typeof bound === "object" ? (bound?.port ?? 0) : 0,
  };
}

test("on a kept connection that breaks, only what may happen twice is sent again", async () => {
  const { host, put } = await serve();
  const seen: string[] = [];
  await put([await fickle(seen)]);
  const codes: number[] = [];
  for (const method of ["GET", "GET", "PUT", "POST"]) {
    codes.push((await ask(address, { host, method })).code);
  }
  assert.deepEqual(codes, [200, 200, 200, 502]);
  assert.deepEqual(seen, ["GET", "GET", "GET", "PUT", "PUT", "POST"]);
});

test("a full queue refuses, and says that it is full, until those who wait give up", async () => {
  const { host, put } = await serve({ timeoutMs: 60_000 });
  using client = new RawClient(address);
  const request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const clients: RawClient[] = [];
  for (let at = 0; at < QUEUE_MAX; at += 1) {
    const one = new RawClient(address);
    clients.push(one);
    one.say(request);
  }
  let refused = "";
  await until("the queue is full", async () => {
    using one = new RawClient(address);
    one.say(request);
    await probe(client, host);
    refused = one.heard;
    return refused.includes(`pending request queue full: ${QUEUE_MAX} are waiting`);
  });
  assert.match(refused, /^HTTP\/1.1 503 .*\r\nRetry-After: 1\r\n/s);
  for (const one of clients) one[Symbol.dispose]();
  await put([(await start("many")).endpoint]);
  assert.equal((await ask(address, { host })).body, "many");
});

test("a revision deleted while it has a share is refused at once, and may come back", async () => {
  const { host, id, put } = await serve();
  const waiting = ask(address, { host });
  await fleet.deleteBackend(id);
  const refused = await ask(address, { host });
  for (const { code, body } of [await waiting, refused]) {
    assert.equal(code, 503);
    assert.match(body, /^revision "held-\d+" was deleted, and its share is not/);
  }
  await put([(await start("back")).endpoint]);
  assert.equal((await ask(address, { host })).body, "back");
});

test("an instance that is taken out finishes what it has, and then it is drained", async () => {
  const { host, put } = await serve();
  let finish = () => {};
  const old = await start("old", (_, res) => {
    finish = () => void res.end("from the old");
    res.write("");
  });
  await put([old.endpoint]);
  using agent = disposable(new Agent({ keepAlive: true }));
  const first = ask(address, { host, agent });
  let connections = 0;
  await until("it is served", async () => {
    connections = await new Promise<number>((resolve) => {
      old.server.getConnections((_, open) => resolve(open));
    });
    return connections === 1;
  });
  await put([(await start("new")).endpoint]);
  assert.equal((await ask(address, { host })).body, "new");
  let isDrained = false;
  const drained = fleet.drained("old", 60_000).then(() => {
    isDrained = true;
  });
  await fleet.drained("old", 50);
  assert.equal(isDrained, false);
  finish();
  assert.equal((await first).body, "from the old");
  await drained;
});

function disposable(agent: Agent): Agent & Disposable {
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}
