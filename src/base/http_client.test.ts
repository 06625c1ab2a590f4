import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { makeCertificate } from "./certificate.ts";
import { systemClock } from "./clock.ts";
import { HttpClient } from "./http_client.ts";

const servers: Server[] = [];
const clients: HttpClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client[Symbol.asyncDispose]();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

test("an answer comes with its status, headers and body, also when it is an error", async () => {
  const origin = await serve((request, response) => {
    const said = `${request.method} ${request.url} ${request.headers["x-one"]}`;
    response.writeHead(418, { "X-Two": "2", "Set-Cookie": ["a=1", "b=2"] }).end(said);
  });
  const response = await makeClient().send({ url: `${origin}/a?b#c`, headers: { "X-One": "1" } });
  assert.equal(response.status, 418);
  assert.equal(response.headers["x-two"], "2");
  assert.equal(response.headers["set-cookie"], "a=1, b=2");
  assert.equal(await response.text(), "GET /a?b 1");
});

test("HEAD and POST are sent as such", async () => {
  const origin = await serve(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request)).toString();
    response.setHeader("x-saw", `${request.method} ${body}`).end();
  });
  const head = await makeClient().send({ method: "HEAD", url: origin });
  assert.equal(head.headers["x-saw"], "HEAD ");
  const post = await makeClient().send({ method: "POST", url: origin, body: "hello" });
  assert.equal(post.headers["x-saw"], "POST hello");
});

test("redirects are followed up to a limit, and secrets stay with who was asked", async () => {
  const other = await serve((request, response) => {
    response.end(JSON.stringify([request.url, request.headers.authorization]));
  });
  const origin = await serve((request, response) => {
    const { pathname } = new URL(`http://x${request.url}`);
    const to = { "/here": "/end", "/there": `${other}/end`, "/loop": "/loop" }[pathname];
    if (to === undefined) return response.end(request.headers.authorization);
    return response.writeHead(302, { Location: to }).end("moved");
  });
  const client = makeClient();
  const login = origin.replace("//", "//me:s%20cret@");
  const basic = `Basic ${Buffer.from("me:s cret").toString("base64")}`;
  const here = await client.send({ url: `${login}/here` });
  assert.deepEqual([here.url.pathname, await here.text()], ["/end", basic]);
  const there = await client.send({ url: `${login}/there` });
  assert.equal(await there.text(), '["/end",null]');
  await assert.rejects(client.send({ url: `${login}/loop?token=x` }), {
    reason: "Redirected",
    message: `${origin}/loop redirects more than 5 times`,
  });
  const post = await client.send({ method: "POST", url: `${origin}/here`, body: "x" });
  assert.equal(post.status, 302);
});

test("a redirect is not followed where the caller does not allow it", async () => {
  const origin = await serve((_, response) => {
    response.writeHead(301, { Location: "http://elsewhere.example/x?token=1" }).end();
  });
  await assert.rejects(makeClient().send({ url: origin, mayFollow: () => false }), {
    reason: "Redirected",
    message: `${origin}/ redirects to http://elsewhere.example/x, which is not allowed`,
  });
});

test("a body over the limit is cut off", async () => {
  const origin = await serve((_, response) => response.end("x".repeat(100_000)));
  const response = await makeClient().send({ url: `${origin}/big`, bodyBytesMax: 99_999 });
  await assert.rejects(response.text(), {
    reason: "TooLarge",
    message: `${origin}/big sent more than 99999 bytes`,
  });
});

test("who says nothing is given up, before the answer and within it", async () => {
  const origin = await serve((request, response) => {
    if (request.url === "/body") response.writeHead(200).write("half");
  });
  const client = makeClient({ idleTimeoutMs: 50 });
  await assert.rejects(client.send({ url: origin }), { reason: "TimedOut" });
  const response = await client.send({ url: `${origin}/body` });
  await assert.rejects(response.text(), { reason: "TimedOut" });
});

test("an abort ends a request and a body, with the reason of the signal", async () => {
  const origin = await serve((request, response) => {
    if (request.url === "/body") response.writeHead(200).write("half");
    else aborting.abort(new Error("enough"));
  });
  const aborting = new AbortController();
  const { signal } = aborting;
  const client = makeClient();
  const response = await client.send({ url: `${origin}/body`, signal });
  const reading = assert.rejects(response.text(), { message: "enough" });
  await assert.rejects(client.send({ url: origin, signal }), { message: "enough" });
  await reading;
});

test("nobody there, no such scheme and a cut connection are told apart from answers", async () => {
  const origin = await serve((request) => request.socket.destroy());
  const client = makeClient();
  await assert.rejects(client.send({ url: origin }), { reason: "Unreachable" });
  servers[0]?.close();
  await assert.rejects(client.send({ url: origin }), {
    reason: "Unreachable",
    message: new RegExp(`^${origin}/ cannot be reached: .*ECONNREFUSED`),
  });
  await assert.rejects(client.send({ url: "ftp://host/x" }), {
    message: '"ftp://host/x" is no address of http or https',
  });
});

test("a certificate of one's own is trusted when it is given, and only then", async () => {
  const nowMs = systemClock.now();
  const { cert: ca, ...issuer } = await makeCertificate({ name: "ca", nowMs, days: 1 });
  const hosts = ["127.0.0.1"];
  const signed = { name: "localhost", hosts, nowMs, days: 1, issuer: { cert: ca, ...issuer } };
  const { key, cert } = await makeCertificate(signed);
  const server = createTlsServer({ key, cert }, (_, response) => response.end("hello"));
  servers.push(server);
  const origin = await listen(server, "https");
  await assert.rejects(makeClient().send({ url: origin }), {
    reason: "Unreachable",
    message: /unable to verify the first certificate/,
  });
  const response = await makeClient({ ca: [ca] }).send({ url: origin });
  assert.equal(await response.text(), "hello");
});

function makeClient(options?: ConstructorParameters<typeof HttpClient>[0]): HttpClient {
  const client = new HttpClient(options);
  clients.push(client);
  return client;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  return await listen(server, "http");
}

async function listen(server: Server, scheme: string): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
