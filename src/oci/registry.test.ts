import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { systemChance } from "../base/chance.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import { DiskImageStore } from "./disk.ts";
import { RemoteRegistry, type RemoteRegistryOptions } from "./registry.ts";
import { digestOf, makeTestImage, piecesOf } from "./test_image.ts";
import { TestRegistry, type TestRegistryOptions } from "./test_registry.ts";

let directory = "";
let images: DiskImageStore;
let http: HttpClient;
const cleanups: AsyncDisposable[] = [];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "varve-registry-"));
  images = new DiskImageStore({ home: directory });
  http = new HttpClient({ connectTimeoutMs: 2000 });
  cleanups.push(images, http);
  await images.start();
});
afterEach(async () => {
  for (const each of cleanups.splice(0).reverse()) await each[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const ME = { username: "me", password: "s:cret" };
const AMD64 = { os: "linux", architecture: "amd64" };
/** Waits for nothing, as there is nothing to wait for but a server of this test. */
const HASTY: Clock = { ...systemClock, sleep: async () => {} };

for (const isDocker of [false, true]) {
  const kind = isDocker ? "a Docker image" : "an OCI image";
  test(`${kind} is fetched whole, and what is here is not fetched again`, async () => {
    const server = await serve();
    const image = await makeTestImage({ isDocker, layers: [{ a: "1" }, { b: "2" }] });
    server.add("team/app:1", image);
    const name = `${server.host}/team/app:1`;
    assert.equal(await makeRegistry().pull(name), image.digest);
    assert.deepEqual((await images.image(image.digest)).manifest, image.manifest);
    assert.equal(await images.resolve(name), undefined);
    assert.equal(server.asked.length, 4);
    assert.equal(await makeRegistry().pull(name), image.digest);
    assert.deepEqual(server.asked.slice(4), ["GET /v2/team/app/manifests/1"]);
    await makeRegistry().pull(`${server.host}/team/app@${image.digest}`);
    assert.equal(server.asked.length, 5);
  });
}

test("of an image for several platforms, the one for this platform is fetched", async () => {
  const server = await serve();
  const amd64 = await makeTestImage({ architecture: "amd64" });
  const arm64 = await makeTestImage({ architecture: "arm64" });
  server.add("app:amd64", amd64);
  server.add("app:arm64", arm64);
  const entry = ({ digest, manifest, config }: typeof amd64) => {
    const { os, architecture } = config;
    return { mediaType: manifest.mediaType, digest, size: 1, platform: { os, architecture } };
  };
  const attestation = { ...entry(amd64), platform: { os: "unknown", architecture: "unknown" } };
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const manifests = [attestation, entry(arm64), entry(amd64)];
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  const digest = server.addManifest("app:1", mediaType, index);
  const name = `${server.host}/app:1`;
  assert.equal(await makeRegistry({ target: AMD64 }).pull(name), amd64.digest);
  const byDigest = `${server.host}/app@${digest}`;
  assert.equal(await makeRegistry({ target: AMD64 }).pull(byDigest), amd64.digest);
  assert.equal(await images.resolve(byDigest), amd64.digest);
  const target = { os: "linux", architecture: "s390x" };
  await assert.rejects(makeRegistry({ target }).pull(name), {
    reason: "MANIFEST_UNKNOWN",
    message:
      `Unable to fetch image "${name}": it has no image for linux/s390x, ` +
      "only for linux/arm64, linux/amd64",
  });
});

for (const scheme of ["bearer", "basic"] as const) {
  test(`a registry with ${scheme} login gives images to who has credentials`, async () => {
    const server = await serve({ auth: { scheme, ...ME } });
    const image = await makeTestImage();
    server.add("app:1", image);
    const name = `${server.host}/app:1`;
    assert.equal(await makeRegistry().pull(name, { credentials: ME }), image.digest);
    if (scheme === "bearer") {
      const tokens = server.asked.filter((it) => it.startsWith("token"));
      assert.deepEqual(tokens, ["token for repository:app:pull of test"]);
    }
    const refused = { reason: "UNAUTHORIZED", message: /answered 401 .*give credentials/ };
    const credentials = { ...ME, password: "wrong" };
    await assert.rejects(makeRegistry().pull(name, { credentials }), refused);
    await assert.rejects(makeRegistry().pull(name), refused);
  });
}

test("what the registry says no to is told in its own words", async () => {
  const server = await serve({
    instead: (request, response) => {
      if (request.url?.includes("secret") !== true) return false;
      response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"not yours"}]}');
      return true;
    },
  });
  const at = `${server.host} answered`;
  await assert.rejects(makeRegistry().pull(`${server.host}/app:1`), {
    reason: "MANIFEST_UNKNOWN",
    message:
      `Unable to fetch image "${server.host}/app:1": ${at} 404 to /v2/app/manifests/1: ` +
      "MANIFEST_UNKNOWN: manifest unknown",
  });
  await assert.rejects(makeRegistry().pull(`${server.host}/secret:1`), {
    reason: "DENIED",
    message:
      `Unable to fetch image "${server.host}/secret:1": ${at} 403 to /v2/secret/manifests/1: ` +
      "DENIED: not yours",
  });
});

test("a blob that is not what its manifest says is refused, and gets no name", async () => {
  const server = await serve({
    instead: (request, response) => {
      if (request.url?.includes(image.manifest.layers[0]?.digest ?? "") !== true) return false;
      response.end("evil");
      return true;
    },
  });
  const image = await makeTestImage();
  server.add("app:1", image);
  await assert.rejects(makeRegistry().pull(`${server.host}/app:1`), {
    reason: "DIGEST_INVALID",
    message: new RegExp(
      `^Unable to fetch image ".*": Cannot store blob sha256:.* ${digestOf(Buffer.from("evil"))}`,
    ),
  });
  assert.equal(await images.resolve(`${server.host}/app:1`), undefined);
  await assert.rejects(images.image(image.digest), { reason: "MANIFEST_UNKNOWN" });
});

test("what may pass is tried again: a busy registry, and a connection that breaks", async () => {
  let requests = 0;
  const server = await serve({
    instead: (request, response) => {
      requests += 1;
      if (requests % 2 === 0 || request.url === "/v2/") return false;
      if (requests % 3 === 0) response.writeHead(429, { "retry-after": "0" }).end("slow down");
      else
        response
          .writeHead(200, { "content-length": 1000 })
          .write("half", () => request.socket.destroy());
      return true;
    },
  });
  const image = await makeTestImage({ layers: [{ a: "1" }, { b: "2" }, { c: "3" }] });
  server.add("app:1", image);
  const registry = makeRegistry({ downloadsMax: 1 });
  assert.equal(await registry.pull(`${server.host}/app:1`), image.digest);
});

test("a registry that stays busy is told as such, with what it said", async () => {
  const server = await serve({
    instead: (_, response) => {
      response.writeHead(503).end("down for the night");
      return true;
    },
  });
  await assert.rejects(makeRegistry().pull(`${server.host}/app:1`), {
    reason: "UNAVAILABLE",
    message: /answered 503 to \/v2\/app\/manifests\/1: down for the night$/,
  });
  assert.equal(server.asked.length, 4);
});

test("without encryption only this machine is spoken to, and hosts that are listed", async (t) => {
  const server = await serve({}, "127.0.0.2").catch(() => undefined);
  if (server === undefined) return t.skip("this machine is not 127.0.0.2 as well");
  const image = await makeTestImage();
  server.add("app:1", image);
  const name = `${server.host}/app:1`;
  await assert.rejects(makeRegistry().pull(name), {
    reason: "UNAVAILABLE",
    message: new RegExp(`^Unable to fetch image "${name}": https://${server.host}/v2/ cannot be`),
  });
  const registry = makeRegistry({ insecure: [server.host] });
  assert.equal(await registry.pull(name), image.digest);
});

test("blobs are fetched several at a time, but not more than allowed", async () => {
  let open = 0;
  let most = 0;
  const server = await serve({
    instead: (request, response) => {
      if (request.url?.includes("/blobs/") !== true) return false;
      open += 1;
      most = Math.max(most, open);
      response.on("close", () => {
        open -= 1;
      });
      const bytes = image.blobs.get(request.url.split("/blobs/")[1] as `sha256:${string}`);
      // Long enough for the others to come, if they come at all.
      systemClock.after(50, () => response.end(bytes));
      return true;
    },
  });
  const layers = Array.from({ length: 9 }, (_, n) => ({ [`file-${n}`]: "x" }));
  const image = await makeTestImage({ layers });
  server.add("app:1", image);
  await makeRegistry({ downloadsMax: 3 }).pull(`${server.host}/app:1`);
  assert(most > 1 && most <= 3, `${most} at a time`);
});

test("a blob may be elsewhere, and who has it does not see the login", async () => {
  const seen: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end(image.blobs.get(request.url?.slice(1) as `sha256:${string}`));
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  cleanups.push({ [Symbol.asyncDispose]: async () => void elsewhere.close() });
  const { port } = elsewhere.address() as AddressInfo;
  const server = await serve({
    auth: { scheme: "bearer", ...ME },
    instead: (request, response) => {
      const digest = request.url?.split("/blobs/")[1];
      if (digest === undefined) return false;
      response.writeHead(307, { location: `http://127.0.0.1:${port}/${digest}` }).end();
      return true;
    },
  });
  const image = await makeTestImage();
  server.add("app:1", image);
  await makeRegistry().pull(`${server.host}/app:1`, { credentials: ME });
  assert.deepEqual(seen, [undefined, undefined]);
});

test("an image over the limit, and a manifest of the old kind, are refused", async () => {
  const server = await serve();
  server.add("app:1", await makeTestImage());
  await assert.rejects(makeRegistry({ imageBytesMax: 10 }).pull(`${server.host}/app:1`), {
    reason: "UNSUPPORTED",
    message: /: it has \d+ bytes, and the limit is 10$/,
  });
  const old = Buffer.from('{"schemaVersion":1,"name":"app"}');
  server.addManifest("old:1", "application/vnd.docker.distribution.manifest.v1+prettyjws", old);
  await assert.rejects(makeRegistry().pull(`${server.host}/old:1`), { reason: "UNSUPPORTED" });
});

test("an abort ends a pull with the reason of the signal", async () => {
  const aborting = new AbortController();
  const server = await serve({
    instead: (request) => {
      if (request.url?.includes("/blobs/") !== true) return false;
      aborting.abort(new Error("enough"));
      return true;
    },
  });
  server.add("app:1", await makeTestImage());
  const pulling = makeRegistry().pull(`${server.host}/app:1`, { signal: aborting.signal });
  await assert.rejects(pulling, { message: "enough" });
});

test("a name that is here by its digest needs no registry at all", async () => {
  const { digest, blobs } = await makeTestImage();
  for (const bytes of blobs.values()) await images.putBlob(piecesOf(bytes));
  assert.equal(await makeRegistry().pull(`nowhere.invalid/app@${digest}`), digest);
});

function makeRegistry(options: Partial<RemoteRegistryOptions> = {}): RemoteRegistry {
  return new RemoteRegistry({ images, http, clock: HASTY, chance: systemChance, ...options });
}

async function serve(options?: TestRegistryOptions, host?: string): Promise<TestRegistry> {
  const server = new TestRegistry(options);
  cleanups.push(server);
  await server.start(host);
  return server;
}
