import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { Guards } from "../api/traffic_policy_schema.ts";
import { systemClock } from "../base/clock.ts";
import { makeSigningKey, readSigningKey, type SigningKey, signToken } from "../base/jwt.ts";
import type { Fleet } from "./fleet.ts";
import { ask, backendOf, Instance, RawClient, Rig, routeOf, until } from "./rig.ts";

const HOST = "a.localhost";
const ID = "default/a-1";
const TEXT = "varve ".repeat(1000);

/** Tells what it was asked for; `/text` is long, and `/stream` comes in two parts. */
function startApp(): Promise<Instance> {
  return Instance.start("app", (req, res) => {
    if (req.url === "/text") {
      const type = { "Content-Type": "text/plain", ETag: '"1"', "Content-Length": TEXT.length };
      res.writeHead(200, type).end(TEXT);
      return;
    }
    if (req.url === "/stream") {
      res.writeHead(200, { "Content-Type": "text/plain" }).write("first ");
      systemClock.after(300, () => res.end("second"));
      return;
    }
    const { "x-user": user = "nobody", "x-added": added = "", cookie = "" } = req.headers;
    let bytes = 0;
    req.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    req.on("end", () => {
      res.setHeader("Server", "app");
      res.end(`${req.method} ${req.url} user=${user} added=${added} bytes=${bytes} ${cookie}`);
    });
  });
}

class World implements AsyncDisposable {
  readonly #rig: Rig;
  readonly #app: Instance;
  readonly #issuer: Server;
  readonly fleet: Fleet;
  keys: readonly SigningKey[] = [];
  fetched = 0;

  private constructor(app: Instance, issuer: Server, fleet: Fleet, rig: Rig) {
    [this.#app, this.#issuer, this.fleet, this.#rig] = [app, issuer, fleet, rig];
  }

  static async make(settings = {}): Promise<World> {
    const rig = new Rig();
    const app = await startApp();
    const issuer = createServer((_, res) => {
      world.fetched += 1;
      res.end(JSON.stringify({ keys: world.keys.map(({ jwk }) => jwk) }));
    });
    await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
    const world: World = new World(app, issuer, await rig.start({ settings }), rig);
    await world.fleet.putBackend(backendOf(ID, [app]));
    return world;
  }

  get jwksUri(): string {
    return `http://127.0.0.1:${(this.#issuer.address() as AddressInfo).port}/keys`;
  }

  guard(guards: Guards): Promise<void> {
    return this.fleet.putRoute({ ...routeOf(HOST, { [ID]: 100 }), guards });
  }

  ask(options: object = {}) {
    return ask(this.fleet.address, { host: HOST, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig[Symbol.asyncDispose]();
    await this.#app[Symbol.asyncDispose]();
    this.#issuer.closeAllConnections();
    this.#issuer.close();
  }
}

test("what requests must pass is passed or refused in words, over real sockets", async (t) => {
  await using world = await World.make({ trustedProxies: ["127.0.0.0/8"] });
  for (const [title, act] of STORIES) await t.test(title, () => act(world));
});

const STORIES: readonly (readonly [string, (world: World) => Promise<void>])[] = [
  ["an address is denied, or not allowed, by itself or behind a trusted proxy", addresses],
  ["a redirect leads elsewhere, with the query, and not in a circle", redirects],
  ["a browser is told who may ask, and another origin is not", cors],
  ["an answer is compressed as the client likes, and never twice or in vain", compression],
  ["headers are changed on both ways, and the revision is not told", edits],
  ["a body that is too long is refused with the rule, by its length", bodies],
  ["each key has its own rate, and who is over it is told when to come again", rates],
  ["a token is checked: issuer, audience, time, signature, and what it says", tokens],
  ["a new key is fetched, though not at the will of strangers; an old one is forgotten", rotation],
];

async function addresses(world: World): Promise<void> {
  await world.guard({ ip: { allow: ["127.0.0.1", "10.0.0.0/8"], deny: ["10.1.0.0/16", "::1"] } });
  const from = async (forwarded: string) => {
    const { code, body } = await world.ask({ headers: { "X-Forwarded-For": forwarded } });
    return code === 200 ? code : body;
  };
  assert.deepEqual(
    [
      await from("10.2.0.1"),
      await from("10.1.2.3"),
      await from("192.0.2.1"),
      await from("10.1.2.3, 10.2.0.1"),
    ],
    [
      200,
      "the policy of this host denies the address 10.1.2.3 (ip.deny)\n",
      "the policy of this host does not allow the address 192.0.2.1 (ip.allow)\n",
      200,
    ],
  );
  assert.equal((await world.ask()).code, 200);
}

async function redirects(world: World): Promise<void> {
  await world.guard({
    redirects: [
      { match: { pathPrefix: "/old" }, path: "/new", code: 301 },
      { match: { path: "/away" }, host: "b.localhost" },
      { match: { path: "/find" }, path: "/search?by=name" },
      { match: { headers: [{ name: "X-Old", present: true }] }, scheme: "https" },
    ],
  });
  const to = async (path: string, headers = {}) => {
    const { code, headers: said } = await world.ask({ path, headers });
    return `${code} ${said.location}`;
  };
  assert.deepEqual(
    [
      await to("/old/x?y=1"),
      await to("/away"),
      await to("/find?q=1"),
      await to("/x", { "X-Old": "1" }),
      await to("/x", { "X-Old": "1", "X-Forwarded-Proto": "https" }),
      await to("/older"),
    ],
    [
      `301 http://${HOST}/new/x?y=1`,
      "308 http://b.localhost/away",
      `308 http://${HOST}/search?by=name&q=1`,
      `308 https://${HOST}/x`,
      "200 undefined",
      "200 undefined",
    ],
  );
}

async function cors(world: World): Promise<void> {
  const allowOrigins = ["https://app.example.com", "https://*.example.org"];
  await world.guard({ cors: { allowOrigins, allowCredentials: true, maxAgeSeconds: 60 } });
  const preflight = (origin: string) =>
    world.ask({
      method: "OPTIONS",
      headers: { Origin: origin, "Access-Control-Request-Method": "PUT" },
    });
  const fine = await preflight("https://a.b.example.org");
  assert.deepEqual(
    [fine.code, fine.body, fine.headers["access-control-allow-origin"]],
    [204, "", "https://a.b.example.org"],
  );
  assert.match(fine.headers["access-control-allow-methods"] ?? "", /PUT/);
  const evil = await preflight("https://example.org.evil.com");
  assert.deepEqual([evil.code, evil.headers["access-control-allow-origin"]], [403, undefined]);
  assert.match(evil.body, /cors\.allowOrigins/);
  const plain = await world.ask({ headers: { Origin: "https://app.example.com" } });
  assert.equal(plain.headers["access-control-allow-credentials"], "true");
  assert.equal(plain.headers.vary, "Origin");
  const other = await world.ask({ headers: { Origin: "https://other.com" } });
  assert.deepEqual([other.code, other.headers["access-control-allow-origin"]], [200, undefined]);
}

async function compression(world: World): Promise<void> {
  await world.guard({ compression: {} });
  const as = async (accept: string, path = "/text") => {
    const { headers, raw } = await world.ask({ path, headers: { "Accept-Encoding": accept } });
    const coding = headers["content-encoding"];
    const text =
      coding === "br" ? brotliDecompressSync(raw) : coding === "gzip" ? gunzipSync(raw) : raw;
    return [coding, headers.vary, headers.etag, text.toString() === TEXT];
  };
  const vary = "Accept-Encoding";
  assert.deepEqual(
    [await as("gzip, br"), await as("gzip, br;q=0.5"), await as("br;q=0, gzip;q=0"), await as("")],
    [
      ["br", vary, 'W/"1"', true],
      ["gzip", vary, 'W/"1"', true],
      [undefined, vary, '"1"', true],
      [undefined, vary, '"1"', true],
    ],
  );
  assert.deepEqual((await as("br", "/"))[0], undefined);
  const head = await world.ask({
    method: "HEAD",
    path: "/text",
    headers: { "Accept-Encoding": "br" },
  });
  assert.equal(head.headers["content-encoding"], undefined);
  await streaming(world);
}

/** What has come goes on at once, though more is to come. */
async function streaming({ fleet }: World): Promise<void> {
  assert(fleet.address !== undefined);
  using client = new RawClient(fleet.address);
  client.say("GET /stream HTTP/1.1", `Host: ${HOST}`, "Accept-Encoding: gzip", "", "");
  await client.hears("Content-Encoding: gzip");
  // The first piece of gzip is there, and the end of the body is not.
  await client.hears("\x1f\x8b");
  assert(!client.heard.includes("\r\n0\r\n\r\n"));
  await client.hears("\r\n0\r\n\r\n");
  const [, body = ""] = client.heard.split(/\r\n\r\n(.*)/s);
  const bytes = Buffer.concat(chunksOf(Buffer.from(body, "latin1")));
  assert.equal(gunzipSync(bytes).toString(), "first second");
}

function chunksOf(body: Buffer): readonly Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf("\r\n", at);
    const length = Number.parseInt(body.toString("latin1", at, end), 16);
    if (!(length > 0)) break;
    chunks.push(body.subarray(end + 2, end + 2 + length));
    at = end + 4 + length;
  }
  return chunks;
}

async function edits(world: World): Promise<void> {
  await world.guard({
    requestHeaders: { set: { "X-Added": "yes" }, remove: ["cookie"] },
    responseHeaders: { set: { "X-Frame-Options": "DENY" }, remove: ["server"] },
    hideRevision: true,
  });
  const { body, headers } = await world.ask({ headers: { "X-Added": "no", Cookie: "a=1" } });
  assert.equal(body, "GET / user=nobody added=yes bytes=0 ");
  assert.deepEqual(
    [headers["x-frame-options"], headers["server"], headers["varve-revision"]],
    ["DENY", undefined, undefined],
  );
}

async function bodies(world: World): Promise<void> {
  await world.guard({ maxBodyBytes: 10 });
  const put = (body: string) => world.ask({ method: "PUT", body });
  assert.equal((await put("0123456789")).code, 200);
  const long = await put("0123456789a");
  assert.equal(long.code, 413);
  assert.match(long.body, /at most 10 bytes are taken here \(maxBodyBytes\)/);
  assert(world.fleet.address !== undefined);
  using client = new RawClient(world.fleet.address);
  client.say("PUT / HTTP/1.1", `Host: ${HOST}`, "Transfer-Encoding: chunked", "", "");
  client.say("8", "01234567", "8", "01234567", "0", "", "");
  await client.hears("HTTP/1.1 413");
  await client.hears("at most 10 bytes are taken here (maxBodyBytes)");
}

async function rates(world: World): Promise<void> {
  await world.guard({ rateLimits: [{ requests: 2, per: "1h", header: "X-Key" }] });
  const by = async (key: string) => (await world.ask({ headers: { "X-Key": key } })).code;
  assert.deepEqual(
    [await by("a"), await by("a"), await by("a"), await by("b")],
    [200, 200, 429, 200],
  );
  const { headers, body } = await world.ask({ headers: { "X-Key": "a" } });
  assert.match(body, /too many requests: 2 in 1h are allowed for each header "X-Key"/);
  const seconds = Number(headers["retry-after"]);
  assert(seconds > 1700 && seconds <= 1800, String(seconds));
}

test("a rate is one for all workers, but for what they let in between two words", async () => {
  await using rig = new Rig();
  await using app = await startApp();
  const fleet = await rig.start({ workers: 2 });
  await fleet.putBackend(backendOf(ID, [app]));
  const guards = { rateLimits: [{ requests: 20, per: "1h" }] };
  await fleet.putRoute({ ...routeOf(HOST, { [ID]: 100 }), guards });
  const codes: number[] = [];
  // A connection each, so that the kernel deals them out to both.
  for (let count = 0; count < 60; count += 1) {
    codes.push((await ask(fleet.address, { host: HOST })).code);
    await systemClock.sleep(count % 5 === 0 ? 60 : 0);
  }
  const passed = codes.filter((code) => code === 200).length;
  assert(passed >= 20 && passed <= 25, `${passed} passed`);
  assert.equal(codes.at(-1), 429);
});

const ISSUER = "https://id.example.com";

async function newKey(): Promise<SigningKey> {
  return readSigningKey(makeSigningKey());
}

function claimsFor(more: object = {}) {
  const now = Math.floor(systemClock.now() / 1000);
  return { iss: ISSUER, aud: "shop", sub: "ann", exp: now + 60, ...more };
}

async function tokens(world: World): Promise<void> {
  const [key, other] = [await newKey(), await newKey()];
  world.keys = [key];
  await world.guard({
    jwt: {
      ...{ issuer: ISSUER, audiences: ["shop"], jwksUri: world.jwksUri, algorithms: ["ES256"] },
      claims: [{ name: "org.id", exact: "7" }],
      publicPaths: ["/health"],
      claimHeaders: [{ claim: "sub", header: "X-User" }],
    },
  });
  const org = { org: { id: 7 } };
  const ask = async (token: string | undefined, path = "/") => {
    const headers = { "X-User": "forged", ...(token && { Authorization: `Bearer ${token}` }) };
    const { code, body, headers: said } = await world.ask({ path, headers });
    return [code, body.trim(), said["www-authenticate"]];
  };
  const good = await signToken(claimsFor(org), key);
  const app = "GET / user=ann added= bytes=0";
  assert.deepEqual(await ask(good), [200, app, undefined]);
  assert.deepEqual((await ask(undefined)).slice(0, 2), [
    401,
    'a token is required here: send it as "Authorization: Bearer …" (jwt)',
  ]);
  assert.deepEqual((await ask(undefined, "/health")).slice(0, 2), [
    200,
    "GET /health user=nobody added= bytes=0",
  ]);
  assert.equal((await ask(undefined, "/health/../x"))[0], 401);
  assert.equal((await ask(await signToken(claimsFor(), key)))[0], 403);
  for (const [bad, why] of [
    [await signToken(claimsFor({ ...org, exp: 1 }), key), "the token has expired"],
    [await signToken(claimsFor({ ...org, aud: "x" }), key), 'the claim "aud" of the token is not'],
    [await signToken(claimsFor({ ...org, iss: "x" }), key), 'the claim "iss" of the token is not'],
    [await signToken(claimsFor(org), other), "no known key has signed the token"],
    [`${good.slice(0, -8)}AAAAAAAA`, "the signature of the token is not good"],
    ["x.y.z", "the token cannot be read"],
  ] as const) {
    const [code, body, challenge] = await ask(bad);
    assert.equal(code, 401);
    assert(String(body).startsWith(why), `${body}: ${why}`);
    assert.match(String(challenge), /^Bearer error="invalid_token"/);
  }
}

async function rotation(world: World): Promise<void> {
  const [first, second] = [await newKey(), await newKey()];
  world.keys = [first];
  world.fetched = 0;
  // Another address is another set, which has not been fetched.
  const jwksUri = `${world.jwksUri}?rotation`;
  await world.guard({ jwt: { issuer: ISSUER, jwksUri, algorithms: ["ES256"] } });
  const code = async (key: SigningKey, sub: string) => {
    const token = await signToken(claimsFor({ sub }), key);
    return (await world.ask({ headers: { Authorization: `Bearer ${token}` } })).code;
  };
  assert.deepEqual([await code(first, "a"), await code(first, "b"), world.fetched], [200, 200, 1]);
  // Within the cooldown nobody can make the gateway fetch at will.
  world.keys = [second];
  assert.deepEqual([await code(second, "c"), world.fetched], [401, 1]);
  await until("the new key is known", async () => (await code(second, "c")) === 200);
  assert.equal(world.fetched, 2);
  assert.equal(await code(first, "d"), 401);
}
