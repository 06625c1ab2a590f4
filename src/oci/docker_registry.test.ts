import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import { DiskImageStore } from "./disk.ts";
import { RemoteRegistry } from "./registry.ts";
import { makeTestImage, type TestImage } from "./test_image.ts";
import { treeOf } from "./test_tree.ts";

const isHere = spawnSync("docker-registry", ["--version"]).status === 0;
const skip = isHere ? false : "there is no docker-registry on the PATH";

test("an image of Docker's registry is fetched, unpacked, and sent back", {
  skip,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "varve-docker-registry-"));
  const port = await freePort();
  const host = `localhost:${port}`;
  const registry = startRegistry(directory, port);
  await using images = new DiskImageStore({ home: join(directory, "images") });
  await using http = new HttpClient();
  try {
    await images.start();
    const image = await makeTestImage({ layers: [{ a: "1" }, { ".wh.a": "", b: "2" }] });
    await pushWhenUp(`http://${host}/v2/team/app`, image);
    const options = { images, http, clock: systemClock, chance: systemChance };
    const digest = await new RemoteRegistry(options).pull(`${host}/team/app:1`);
    assert.equal(digest, image.digest);
    await images.unpack(digest, join(directory, "to"));
    assert.deepEqual(treeOf(join(directory, "to")), { b: "2" });
    const registryOf = new RemoteRegistry(options);
    await registryOf.push(digest, `${host}/other/copy:2`);
    await registryOf.push(digest, `${host}/other/copy:2`);
    await using others = new DiskImageStore({ home: join(directory, "others") });
    await others.start();
    const again = await new RemoteRegistry({ ...options, images: others }).pull(
      `${host}/other/copy:2`,
    );
    assert.equal(again, digest);
    const missing = new RemoteRegistry(options).pull(`${host}/team/app:2`);
    await assert.rejects(missing, { reason: "MANIFEST_UNKNOWN" });
  } finally {
    registry.kill();
    rmSync(directory, { recursive: true });
  }
});

function startRegistry(directory: string, port: number): ChildProcess {
  const config = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(directory, "registry") } },
    http: { addr: `127.0.0.1:${port}`, secret: "test" },
  };
  // JSON is YAML.
  writeFileSync(join(directory, "config.yml"), JSON.stringify(config));
  const args = ["serve", join(directory, "config.yml")];
  return spawn("docker-registry", args, { stdio: "ignore" });
}

async function pushWhenUp(url: string, { digest, manifest, blobs }: TestImage): Promise<void> {
  const deadline = systemClock.elapsed() + 20_000;
  for (;;) {
    const isUp = await fetch(new URL("/v2/", url)).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) break;
    assert(systemClock.elapsed() < deadline, "the registry does not come up");
    await systemClock.sleep(50);
  }
  for (const [each, bytes] of blobs) {
    if (each === digest) continue;
    const begun = await fetch(`${url}/blobs/uploads/`, { method: "POST" });
    const to = new URL(begun.headers.get("location") ?? "", url);
    to.searchParams.set("digest", each);
    assert.equal((await fetch(to, { method: "PUT", body: bytes })).status, 201);
  }
  const headers = { "content-type": manifest.mediaType };
  const body = blobs.get(digest) ?? "";
  assert.equal((await fetch(`${url}/manifests/1`, { method: "PUT", headers, body })).status, 201);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert(typeof address === "object" && address !== null);
  return address.port;
}
