import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { connect as connectStreams } from "node:http2";
import { request } from "node:https";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { isReason } from "../../api/error.ts";
import { type KeyPair, makeCertificate } from "../../base/certificate.ts";
import { systemClock } from "../../base/clock.ts";
import type { Fleet } from "../fleet.ts";
import type { Address } from "../front.ts";
import { askStream } from "../h2/world.ts";
import { ask, backendOf, Instance, Rig, routeOf, until } from "../rig.ts";

const rig = new Rig();
const cleanup = new AsyncDisposableStack();
const clients: TLSSocket[] = [];
let fleet: Fleet;
let address: Address;
let authority: KeyPair;
let instance: Instance;

before(async () => {
  fleet = await rig.start({ workers: 2, tls: { host: "127.0.0.1", port: 0 } });
  assert(fleet.tlsAddress !== undefined && fleet.tlsAddress.port > 0);
  address = fleet.tlsAddress;
  authority = await makeCertificate({ name: "test authority", ...TIMES });
  instance = cleanup.use(
    await Instance.start("a", (req, res) => {
      res.end(`${req.method} ${req.headers.host} ${req.headers["x-forwarded-proto"]}`);
    }),
  );
  instance.server.on("upgrade", (_, socket) => {
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
    );
    socket.pipe(socket);
  });
  await fleet.settled();
  await serve("a.localhost");
});

after(async () => {
  for (const client of clients) client.destroy();
  await rig[Symbol.asyncDispose]();
  await cleanup[Symbol.asyncDispose]();
});

const DAY_MS = 24 * 3_600_000;
const TIMES = { nowMs: systemClock.now(), days: 30 };

async function serve(host: string, namespace = "default"): Promise<void> {
  const id = `${namespace}/${host}`;
  await fleet.putBackend(backendOf(id, [instance]));
  await fleet.putRoute({ ...routeOf(host, { [id]: 100 }), id });
}

/** A certificate for these hosts, said under a name of its own. */
async function certify(id: string, hosts: readonly string[], more = {}): Promise<void> {
  const pair = await makeCertificate({ name: id, hosts, issuer: authority, ...TIMES });
  await fleet.putTls({ is: "certificate", id, ...pair, ...more });
}

/** A client that trusts our authority; answers when it is through. */
async function greet(host: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const to = { host: address.host, port: address.port, servername: host, ca: authority.cert };
  const socket = connect({ ...to, ...options }, resolve);
  socket.once("error", reject);
  clients.push(socket);
  await promise;
  socket.on("error", () => {});
  return socket;
}

const nameOf = (socket: TLSSocket) => String(socket.getPeerCertificate().subject?.CN);

test("each host is served by a certificate good for it, and a new one at once", async () => {
  await certify("first", ["a.localhost"]);
  await certify("wild", ["*.b.localhost", "c.localhost", "shared.localhost"]);
  const names = ["a.localhost", "x.b.localhost", "c.localhost"];
  const seen = await Promise.all(names.map(async (host) => nameOf(await greet(host))));
  assert.deepEqual(seen, ["first", "wild", "wild"]);
  await assert.rejects(greet("x.y.b.localhost"), /altnames|self-signed|handshake|alert/i);

  const open = await greet("a.localhost");
  await certify("first", ["a.localhost", "second.localhost"]);
  assert.equal(nameOf(await greet("second.localhost")), "first");
  open.write("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n");
  const [said] = await Promise.all([new Promise<Buffer>((it) => open.once("data", it))]);
  assert.match(String(said), /200 OK(?:.|\s)*GET a\.localhost https/);
});

test("a certificate of one namespace is not shown for the hosts of another", async () => {
  await serve("shared.localhost", "one");
  await certify("two/thief", ["shared.localhost"], { namespace: "two" });
  await certify("one/owner", ["shared.localhost"], { namespace: "one" });
  for (let round = 0; round < 4; round += 1) {
    assert.equal(nameOf(await greet("shared.localhost")), "one/owner");
  }
  await fleet.deleteTls("one/owner");
  assert.equal(nameOf(await greet("shared.localhost")), "wild");
});

test("one of our own gives way to any other, and serves who names no host", async () => {
  await certify("own", ["own.localhost", "127.0.0.1"], { isOwn: true });
  assert.equal(nameOf(await greet("own.localhost", { rejectUnauthorized: false })), "own");
  const { host, port } = address;
  const nobody = connect({ host, port, ca: authority.cert });
  await new Promise((resolve, reject) =>
    nobody.once("secureConnect", resolve).once("error", reject),
  );
  assert.equal(nameOf(nobody), "own");
  nobody.destroy();
  await certify("given", ["own.localhost"]);
  assert.equal(nameOf(await greet("own.localhost")), "given");
});

test("one that has run out, or is not good yet, gives way to one that is good now", async () => {
  await certify("valid", ["times.localhost"], { isOwn: true });
  const { nowMs, days } = TIMES;
  const begun = [nowMs - 60 * DAY_MS, nowMs + 30 * DAY_MS];
  for (const [at, from] of begun.entries()) {
    const times = { hosts: ["times.localhost"], issuer: authority, nowMs: from, days };
    const pair = await makeCertificate({ name: "of another time", ...times });
    await fleet.putTls({ is: "certificate", id: `late-${at}`, ...pair });
    assert.equal(nameOf(await greet("times.localhost")), "valid");
  }
});

test("HTTP/2 comes by ALPN, and HTTP/1.1 where a client has no more", async () => {
  await certify("first", ["a.localhost"]);
  const { host, port } = address;
  const options = { ca: authority.cert, servername: "a.localhost" };
  const session = connectStreams(`https://${host}:${port}`, options);
  const { body } = await askStream(session, { host: "a.localhost" });
  assert.equal(body, "GET a.localhost https");
  session.destroy();
  assert.equal((await askTls("a.localhost")).body, "GET a.localhost https");
});

test("other protocols pass through TLS", async () => {
  const socket = await greet("a.localhost");
  let heard = "";
  socket.on("data", (bytes) => {
    heard += bytes;
  });
  socket.write(
    "GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
  );
  await until("it is changed", () => heard.includes("101 Switching Protocols"));
  socket.write("as it is");
  await until("it comes back", () => heard.endsWith("as it is"));
});

test("what is older than TLS 1.2 is refused", async () => {
  const old = {
    maxVersion: "TLSv1.1",
    minVersion: "TLSv1",
    ciphers: "DEFAULT:@SECLEVEL=0",
  } as const;
  await assert.rejects(greet("a.localhost", old), /alert|version|ECONNRESET/i);
  assert.equal((await greet("a.localhost", { maxVersion: "TLSv1.2" })).getProtocol(), "TLSv1.2");
});

for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`a session of ${maxVersion} is taken up by whichever worker is met`, async () => {
    const first = await greet("a.localhost", { maxVersion });
    const later = new Promise<Buffer>((resolve) => first.once("session", resolve));
    first.write("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n");
    const session = maxVersion === "TLSv1.2" ? first.getSession() : await later;
    const again = Array.from({ length: 12 }, () => greet("a.localhost", { maxVersion, session }));
    const reused = (await Promise.all(again)).map((socket) => socket.isSessionReused());
    assert.deepEqual(new Set(reused), new Set([true]));
  });
}

test("a certificate whose key is another's is refused, in words that hold no secret", async () => {
  const one = await makeCertificate({ name: "one", hosts: ["z.localhost"], ...TIMES });
  const other = await makeCertificate({ name: "other", hosts: ["z.localhost"], ...TIMES });
  const spec = { is: "certificate", id: "mixed", cert: one.cert, key: other.key } as const;
  const refused = await fleet.putTls(spec).catch((thrown) => thrown);
  assert(isReason(refused, "Invalid"));
  assert.equal(
    refused.message,
    'Cannot put certificate "mixed": the key is of another certificate',
  );
  await assert.rejects(fleet.putTls({ ...spec, key: "secret-stuff" }), (thrown: Error) => {
    return !thrown.message.includes("secret-stuff");
  });
});

test("proof that a host is ours is given over HTTP and over TLS, and to nobody else", async () => {
  const host = "a.localhost";
  await fleet.putTls({ is: "http", id: "h", host, token: "tok", answer: "tok.thumb" });
  const path = "/.well-known/acme-challenge/tok";
  const proof = await ask(fleet.address, { host, path });
  assert.deepEqual([proof.code, proof.body.trim()], [200, "tok.thumb"]);
  assert.equal((await ask(fleet.address, { host, path: `${path}x` })).body, `GET ${host} http`);
  assert.equal((await ask(fleet.address, { host: "b.localhost", path })).code, 404);
  await fleet.deleteTls("h");
  assert.equal((await ask(fleet.address, { host, path })).body, `GET ${host} http`);

  const pair = await makeCertificate({ name: "proof", hosts: [host], issuer: authority, ...TIMES });
  await fleet.putTls({ is: "alpn", id: "t", host, ...pair });
  const asked = await greet(host, { ALPNProtocols: ["acme-tls/1"] });
  assert.deepEqual([asked.alpnProtocol, nameOf(asked)], ["acme-tls/1", "proof"]);
  assert.equal(nameOf(await greet(host)), "first");
  await fleet.deleteTls("t");
  await assert.rejects(greet(host, { ALPNProtocols: ["acme-tls/1"] }), /alert|ECONNRESET/);
});

test("a host may be for HTTPS alone, and say so to browsers", async () => {
  const host = "strict.localhost";
  const https = { redirectPort: address.port, hstsSeconds: 3600 };
  await certify("strict", [host]);
  await fleet.putBackend(backendOf("default/strict", [instance]));
  const split = [{ backend: "default/strict", percent: 100 }];
  await fleet.putRoute({ id: "default/strict", hosts: [{ host, split, https }] });
  const plain = await ask(fleet.address, { host, path: "/a?b" });
  const { location } = plain.headers;
  assert.deepEqual([plain.code, location], [308, `https://${host}:${address.port}/a?b`]);
  const secure = await askTls(host);
  assert.equal(secure.headers["strict-transport-security"], "max-age=3600");
  assert.equal(secure.body, `GET ${host} https`);
});

test("certificates outlive the control process, and go when nobody says them again", async () => {
  await using home = new Rig();
  const tls = { host: "127.0.0.1", port: 0 };
  const before = await home.start({ tls });
  const pair = await makeCertificate({ name: "kept", hosts: ["k.localhost"], ...TIMES });
  await before.putTls({ is: "certificate", id: "kept", ...pair });
  await before[Symbol.asyncDispose]();
  const next = await home.start({ tls });
  assert.deepEqual(next.tlsAddress, before.tlsAddress);
  const { port = 0 } = next.tlsAddress ?? {};
  const options = { port, rejectUnauthorized: false };
  assert.equal(nameOf(await greet("k.localhost", options)), "kept");
  await next.settled();
  await assert.rejects(greet("k.localhost", options), /alert|handshake/i);
});

test("who does not finish the handshake is cut when the time for a head is over", async () => {
  await using home = new Rig();
  const limits = { headMs: 300 };
  const { tlsAddress } = await home.start({ tls: { host: "127.0.0.1", port: 0 }, limits });
  assert(tlsAddress !== undefined);
  const said = [Buffer.alloc(0), Buffer.of(22, 3, 1, 2, 0, 1)];
  const sockets = said.map((bytes) => {
    const socket = connectPlain(tlsAddress.port, tlsAddress.host);
    socket.on("error", () => {}).resume();
    if (bytes.length > 0) socket.write(bytes);
    return socket;
  });
  await until("both are closed", () => sockets.every(({ closed }) => closed));
});

test("curl is content with it", async (t) => {
  const curl = promisify(execFile);
  if ((await curl("curl", ["--version"]).catch(() => undefined)) === undefined) {
    return t.skip("curl is not here");
  }
  const directory = mkdtempSync(join(tmpdir(), "varve-tls-"));
  cleanup.defer(() => rmSync(directory, { recursive: true }));
  const ca = join(directory, "ca.pem");
  writeFileSync(ca, authority.cert);
  const url = `https://a.localhost:${address.port}/`;
  const to = ["--resolve", `a.localhost:${address.port}:127.0.0.1`, "--cacert", ca, "-sS"];
  const { stdout } = await curl("curl", [...to, "-w", " %{http_version}", url]);
  assert.match(stdout, /^GET a\.localhost:\d+ https 2$/);
  return undefined;
});

interface Answered {
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

function askTls(servername: string): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const { host, port } = address;
  const to = { host, port, servername, ca: authority.cert, headers: { host: servername } };
  const sent = request({ ...to, agent: false }, (res) => {
    let body = "";
    res.on("data", (chunk) => {
      body += chunk;
    });
    res.on("end", () => resolve({ body, headers: res.headers }));
  });
  sent.on("error", reject);
  sent.end();
  return promise;
}
