import assert from "node:assert/strict";
import { createServer as createHttp } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, test } from "node:test";
import type { Probe } from "../api/probe.ts";
import { systemClock } from "../base/clock.ts";
import { attempt, type Verdict } from "./attempt.ts";

const servers: (Server & { closeAllConnections?: () => void })[] = [];
after(() => {
  for (const server of servers) {
    server.closeAllConnections?.();
    server.close();
  }
});

test("by TCP, who listens is well", async () => {
  const port = await listen(createServer((socket) => socket.end()));
  assert.deepEqual(await tried({}, port), { isWell: true, message: "" });
  assert.deepEqual(await tried({ tcpSocket: { port: 8080 } }, port), { isWell: true, message: "" });
  assert.deepEqual(await tried({}, 1), ill("nothing listens on port 1 yet"));
});

test("by TCP through a proxy, who is hung up on at once has found nobody", async () => {
  const absent = await listen(createServer((socket) => socket.end()));
  const none = await tried({}, absent, "http1", { isProxied: true });
  assert.deepEqual(none, ill(`nothing listens on port ${absent} yet`));
  const silent = await listen(createServer(() => {}));
  assert.deepEqual(await tried({}, silent, "http1", { isProxied: true }), {
    isWell: true,
    message: "",
  });
});

test("by HTTP, a status from 200 to 399 is well, and the headers are those asked for", async () => {
  const seen: unknown[] = [];
  const server = createHttp(({ headers, url }, response) => {
    seen.push([headers["host"], headers["x-from"], url]);
    response.statusCode = Number(url?.slice(1));
    response.end("hello");
  });
  const port = await listen(server);
  const httpHeaders = [
    { name: "X-From", value: "test" },
    { name: "Host", value: "me" },
  ];
  for (const [path, verdict] of [
    ["200", { isWell: true, message: "" }],
    ["/399", { isWell: true, message: "" }],
    ["/404", ill("GET /404 answers 404")],
  ] as const)
    assert.deepEqual(await tried({ httpGet: { path, httpHeaders } }, port), verdict);
  assert.deepEqual(seen[0], ["me", "test", "/200"]);
});

test("an app that speaks only HTTP/2 is asked in HTTP/2", async () => {
  const server = createHttp2((_, response) => {
    response.writeHead(204);
    response.end();
  });
  const port = await listen(server as unknown as Server);
  assert.deepEqual(await tried({ httpGet: {} }, port, "h2c"), { isWell: true, message: "" });
});

test("a gRPC health check is well when the service is serving", async () => {
  const server = createHttp2();
  server.on("stream", (stream) => void answerGrpc(stream));
  const port = await listen(server as unknown as Server);
  const wells = await tried({ grpc: { port: 8080, service: "good" } }, port);
  assert.deepEqual(wells, { isWell: true, message: "" });
  const bad = await tried({ grpc: { service: "bad" } }, port);
  assert.deepEqual(bad, ill('the gRPC health check of "bad" says NOT_SERVING'));
  const none = await tried({ grpc: {} }, port);
  assert.deepEqual(none, ill('the gRPC health check of "" says no such service (status 5)'));
  assert.deepEqual(await tried({ grpc: {} }, 1), ill("nothing listens on port 1 yet"));
});

test("who takes the connection and says nothing is not well", async () => {
  const port = await listen(createServer(() => {}));
  for (const probe of [{ httpGet: {} }, { grpc: {} }])
    assert.equal((await tried(probe, port, "http1", { ms: 50 })).isWell, false);
});

async function answerGrpc(stream: ServerHttp2Stream): Promise<void> {
  const asked = Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
  const service = asked.subarray(7).toString();
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  const trailers = service === "" ? { "grpc-status": "5", "grpc-message": "no such service" } : {};
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", ...trailers }));
  stream.end(service === "" ? "" : Buffer.from([0, 0, 0, 0, 2, 8, service === "good" ? 1 : 2]));
}

function ill(message: string): Verdict {
  return { isWell: false, message };
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function tried(
  probe: Probe,
  port: number,
  protocol: "http1" | "h2c" = "http1",
  { ms = 10_000, isProxied = false } = {},
): Promise<Verdict> {
  const late = new AbortController();
  using _ = systemClock.after(ms, () => late.abort());
  const exec = async () => ill("no exec here");
  const target = { host: "127.0.0.1", port, askedPort: 8080, protocol, isProxied, exec };
  return await attempt(probe, { ...target, signal: late.signal });
}
