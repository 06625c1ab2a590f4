import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { systemClock } from "../base/clock.ts";
import { DiskImageStore } from "../oci/disk.ts";
import { endOf, linesOf, systemPath, TestBench, type TestFiles } from "./test_builder.ts";

const SITE = {
  "public/index.html": "<h1>home</h1>",
  "public/404.html": "<h1>lost</h1>",
  "public/docs/index.html": "docs",
  "public/docs/a b.txt": "0123456789",
  "public/.secret": "1",
  "public/.well-known/x.json": "{}",
  "public/app.js": "x".repeat(1000),
  "README.md": "not of the site",
};

const makeImages = (home: string) => new DiskImageStore({ home });
const bench = new TestBench({ makeImages, toolPath: systemPath() });
let server: ChildProcess;
let port = 0;

before(async () => {
  const { app, image } = await build("home", SITE);
  assert.deepEqual(image.config.config, {
    Entrypoint: ["node", "server.mjs"],
    WorkingDir: "/app",
    Labels: { "varve.dev/runtime": "process", "varve.dev/source-kind": "static" },
  });
  port = await freePort();
  // Nothing of ours but the port: it finds its library beside itself.
  const options = { cwd: app, env: { PORT: String(port) }, stdio: "ignore" } as const;
  server = spawn(process.execPath, ["server.mjs"], options);
  const deadline = systemClock.elapsed() + 20_000;
  while (!(await isUp())) {
    assert(systemClock.elapsed() < deadline, "the server of the site does not come up");
    await systemClock.sleep(20);
  }
});
after(async () => {
  server.kill();
  await bench[Symbol.asyncDispose]();
});

test("pages are served under their paths, and a directory by its index", async () => {
  const home = await get("/");
  assert.deepEqual([home.status, home.text], [200, "<h1>home</h1>"]);
  assert.equal(home.headers["content-type"], "text/html;charset=utf-8");
  assert.equal(home.headers["cache-control"], "public,max-age=0,must-revalidate");
  assert.match(home.headers["last-modified"] ?? "", /GMT$/);
  assert.equal((await get("/docs/")).text, "docs");
  assert.equal((await get("/docs/a%20b.txt?x=1")).text, "0123456789");
  assert.equal((await get("/.well-known/x.json")).text, "{}");
  const { status, headers } = await get("/docs?x=1");
  assert.deepEqual([status, headers.location], [308, "/docs/?x=1"]);
});

test("what is not there, or hidden, or above, is the site's own page for that", async () => {
  for (const path of [
    "/nothing",
    "/.secret",
    "/../version",
    "/%2e%2e/version",
    "/%",
    "/server.mjs",
  ]) {
    const { status, text } = await get(path);
    assert.deepEqual([status, text], [404, "<h1>lost</h1>"], path);
  }
});

test("who has a page of this very site is told that it still is so", async () => {
  const { headers } = await get("/");
  const { etag = "" } = headers;
  assert.match(etag, /^W\/".{22}"$/);
  const again = await get("/", { headers: { "if-none-match": `"other", ${etag}` } });
  assert.deepEqual([again.status, again.text, again.headers.etag], [304, "", etag]);
  assert.equal((await get("/", { headers: { "if-none-match": 'W/"other"' } })).status, 200);
});

test("a range is answered with that part, and an odd one with the whole", async () => {
  const path = "/docs/a%20b.txt";
  const part = await get(path, { headers: { range: "bytes=2-4" } });
  assert.deepEqual([part.status, part.text], [206, "234"]);
  assert.equal(part.headers["content-range"], "bytes 2-4/10");
  assert.equal((await get(path, { headers: { range: "bytes=7-" } })).text, "789");
  assert.equal((await get(path, { headers: { range: "bytes=20-30" } })).status, 416);
  for (const range of ["bytes=5-2", "bytes=-3", "bytes=0-0", "bytes=0-1,3-4", "lines=1-2"]) {
    const whole = await get(path, { headers: { range } });
    assert.deepEqual([whole.status, whole.text], [200, "0123456789"], range);
  }
  const stale = { range: "bytes=2-4", "if-range": '"old"' };
  assert.equal((await get(path, { headers: stale })).status, 200);
});

test("HEAD has no body, and nothing may be changed", async () => {
  const head = await get("/app.js", { method: "HEAD" });
  assert.deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", "1000"]);
  const post = await get("/", { method: "POST" });
  assert.deepEqual([post.status, post.headers.allow], [405, "GET, HEAD"]);
});

test("files that are there compressed go out so to who takes them", async () => {
  const app = { "index.html": "<h1>home</h1>", "app.js": "plain" };
  const files = { ...app, "app.js.br": "", "app.js.gz": "" };
  const { app: at } = await build("other", files);
  const site = join(at, "site");
  writeFileSync(join(site, "app.js.br"), brotliCompressSync("br"));
  writeFileSync(join(site, "app.js.gz"), gzipSync("gz"));
  const otherPort = await freePort();
  const env = { PORT: String(otherPort) };
  const other = spawn(process.execPath, ["server.mjs"], { cwd: at, env, stdio: "ignore" });
  try {
    while (!(await isUp(otherPort))) await systemClock.sleep(20);
    const asked = async (encoding: string) => {
      const headers = { "accept-encoding": encoding };
      return (await get("/app.js", { headers, port: otherPort })).headers["content-encoding"];
    };
    assert.deepEqual(
      [await asked("gzip, br"), await asked("gzip"), await asked("identity")],
      ["br", "gzip", undefined],
    );
    assert.equal((await get("/none", { port: otherPort })).text, "Not found\n");
  } finally {
    other.kill();
    assert.deepEqual(await once(other, "exit"), [0, null]);
  }
});

async function build(home: string, files: TestFiles) {
  const { builder, images } = await bench.makeBuilder(home);
  builder.build({ id: "a", source: bench.archive(files) });
  const { image, message } = await endOf(builder, "a");
  assert(image !== undefined, `${message}\n${(await linesOf(builder, "a")).join("\n")}`);
  await images.unpack(image, bench.at(`to-${home}`));
  return { image: await images.image(image), app: bench.at(`to-${home}`, "app") };
}

interface GetOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly port?: number;
}

/** By `node:http`, which sends paths as they are. */
async function get(path: string, options: GetOptions = {}) {
  const asked = request({ host: "127.0.0.1", port, path, agent: false, ...options }).end();
  const [response] = await once(asked, "response");
  const text = String(await buffer(response));
  return { status: response.statusCode as number, headers: response.headers, text };
}

async function isUp(at = port): Promise<boolean> {
  return await get("/", { port: at }).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  assert(typeof address === "object" && address !== null);
  return address.port;
}
