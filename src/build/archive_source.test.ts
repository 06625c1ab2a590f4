import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Source } from "../api/source.ts";
import { packDirectory } from "../base/pack.ts";
import { DiskImageStore } from "../oci/disk.ts";
import { digestOf } from "../oci/test_image.ts";
import { type TestTree, treeOf } from "../oci/test_tree.ts";
import { endOf, hasTool, linesOf, systemPath, TestBench } from "./test_builder.ts";

let bench: TestBench;
const closes: (() => void)[] = [];
beforeEach(() => {
  const makeImages = (home: string) => new DiskImageStore({ home });
  bench = new TestBench({ makeImages, toolPath: systemPath() });
});
afterEach(async () => {
  for (const close of closes.splice(0)) close();
  await bench[Symbol.asyncDispose]();
});

const WEB = { Procfile: "web: sh run.sh\n", "run.sh": "" };

test("an archive is fetched by http, as a file and by its path; its digest is told", async () => {
  const source = bench.archive({ "app-1/Procfile": WEB.Procfile, "app-1/run.sh": "" });
  assert(source.type === "archive");
  const origin = digestOf(readFileSync(source.url));
  const host = await serve((request, response) => {
    if (request.url === "/moved.tar.gz") response.writeHead(302, { location: "/a.tar.gz" }).end();
    else createReadStream(source.url).pipe(response);
  });
  for (const url of [source.url, String(pathToFileURL(source.url)), `${host}/moved.tar.gz?t=1`]) {
    assert.deepEqual(await build({ type: "archive", url }), { origin, app: WEB });
  }
});

test("a zip is an archive too, and a subdirectory may be all that is wanted", async (t) => {
  if (!hasTool("zip")) return t.skip("there is no zip on the PATH");
  const root = bench.write({ "app/web/Procfile": WEB.Procfile, "app/other": "" });
  execFileSync("zip", ["-qr", `${root}.zip`, "app"], { cwd: root });
  const { app } = await build({ type: "archive", url: `${root}.zip`, subPath: "web" });
  assert.deepEqual(app, { Procfile: WEB.Procfile });
});

test("an upload is taken as it is, by its digest", async () => {
  const { builder, images } = await bench.makeBuilder();
  const { digest } = await images.putBlob(packDirectory(bench.write({ "only/Procfile": "" })));
  builder.build({ id: "a", source: { type: "upload", digest } });
  const whole = await endOf(builder, "a");
  assert.deepEqual([whole.reason, whole.origin], ["NothingToRun", digest]);
  const { app } = await build({
    type: "upload",
    digest: (await images.putBlob(packDirectory(bench.write(WEB)))).digest,
  });
  assert.deepEqual(app, WEB);
});

test("what cannot be fetched or extracted is told with its reason", async () => {
  const host = await serve((request, response) => {
    if (request.url?.startsWith("/big") === true) response.end(Buffer.alloc(200_000));
    else response.writeHead(404).end("no such release");
  });
  writeFileSync(bench.at("damaged.tar"), "this is no archive".repeat(100));
  const digest = `sha256:${"0".repeat(64)}` as const;
  const at = host.replace("http://", "");
  for (const [source, message] of [
    [
      { type: "archive", url: `${host.replace("//", "//me:secret@")}/x.zip?token=1` },
      `Cannot fetch "${host}/x.zip": ${at} answered 404: no such release`,
    ],
    [
      { type: "archive", url: `${host}/big.tar` },
      `Cannot fetch "${host}/big.tar": ${host}/big.tar sent more than 100000 bytes`,
    ],
    [
      { type: "archive", url: "/nowhere/x.zip" },
      'Cannot fetch "/nowhere/x.zip": there is no such file on this server',
    ],
    [{ type: "archive", url: "/tmp" }, 'Cannot fetch "/tmp": it is no file'],
    [
      { type: "archive", url: bench.at("damaged.tar") },
      /^Cannot extract ".*damaged.tar": it is no tar archive, or a damaged one/,
    ],
    [
      { type: "upload", digest },
      `Cannot find the upload ${digest}: it is not on this server; upload it again`,
    ],
  ] as const) {
    const { builder } = await bench.makeBuilder("home", { sourceLimits: { bytesMax: 100_000 } });
    await builder.forget("a");
    builder.build({ id: "a", source });
    const state = await endOf(builder, "a");
    assert.equal(state.reason, "SourceMissing", state.message);
    if (typeof message === "string") assert.equal(state.message, message);
    else assert.match(state.message ?? "", message);
    assert.doesNotMatch((await linesOf(builder, "a")).join(), /secret|token/);
  }
});

async function build(source: Source) {
  const { builder, images } = await bench.makeBuilder();
  await builder.forget("a");
  builder.build({ id: "a", source });
  const { image, origin, message } = await endOf(builder, "a");
  assert(image !== undefined, message);
  const to = bench.at(`to-${closes.length}-${image.slice(-8)}`);
  execFileSync("rm", ["-rf", to]);
  await images.unpack(image, to);
  return { origin, app: treeOf(to)["app"] as TestTree };
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  closes.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
