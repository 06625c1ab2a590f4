import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import { DiskImageStore } from "../oci/disk.ts";
import type { Image, Registry } from "../oci/oci.ts";
import { RemoteRegistry } from "../oci/registry.ts";
import { makeTestImage } from "../oci/test_image.ts";
import { TestRegistry } from "../oci/test_registry.ts";
import { layersOn } from "./base_image.ts";
import type { BuildRequest } from "./build.ts";
import type { DiskBuilder } from "./disk_builder.ts";
import { endOf, systemPath, TestBench } from "./test_builder.ts";

const LOGIN = { username: "me", password: "secret" };
const BASE = {
  Entrypoint: ["/bin/old"],
  Cmd: ["old"],
  Env: ["PATH=/usr/bin", "NODE_ENV=test"],
  User: "node",
  StopSignal: "SIGINT",
  Labels: { maker: "somebody" },
};

test("an app is laid on its base image, runs as that says, and is sent to a registry", async () => {
  await using bench = makeBench();
  await using registry = new TestRegistry({ auth: { scheme: "bearer", ...LOGIN } });
  await registry.start();
  const base = await makeTestImage({ layers: [{ "etc/base": "1" }], config: BASE, isDocker: true });
  registry.add("base:1", base);
  await using http = new HttpClient();
  const { builder, images } = await bench.makeBuilder("home", { registry: lazy() });
  const remote = new RemoteRegistry({ images, ...shared(http) });
  const image = { name: `${registry.host}/base:1`, credentials: LOGIN };
  const pushTo = { name: `${registry.host}/team/app:2`, credentials: LOGIN };
  const source = bench.archive({ "package.json": JSON.stringify(APP), "server.js": "1" });
  const ended = await ran(builder, { id: "a/b", source, base: image, pushTo });
  assert.equal(ended.phase, "Succeeded", ended.message);
  const { config } = await images.image(ended.image ?? "sha256:");
  assert.deepEqual(config.config, {
    Entrypoint: ["node", "server.js"],
    Env: ["PORT=8080", "PATH=/usr/bin", "NODE_ENV=production", "npm_package_name=app"],
    WorkingDir: "/app",
    User: "node",
    StopSignal: "SIGINT",
    ExposedPorts: { "8080/tcp": {} },
    Labels: { maker: "somebody", "varve.dev/source-kind": "node" },
  });
  assert.equal(config.rootfs.diff_ids.length, 2);
  await using others = new DiskImageStore({ home: bench.at("others") });
  await others.start();
  const options = { credentials: LOGIN };
  const there = new RemoteRegistry({ images: others, ...shared(http) });
  assert.equal(await there.pull(pushTo.name, options), ended.image);
  await others.unpack(ended.image ?? "sha256:", bench.at("tree"));
  const files = ["etc/base", "app/server.js"].map((path) => bench.at("tree", path));
  assert.deepEqual(
    files.map((path) => readFileSync(path, "utf8")),
    ["1", "1"],
  );

  /** The store of the builder is made by the bench. */
  function lazy(): Registry {
    return {
      pull: (name, more) => remote.pull(name, more),
      push: (digest, name, more) => remote.push(digest, name, more),
    };
  }
});

test("a base image that is not there fails the build, and scratch is none", async () => {
  await using bench = makeBench();
  await using registry = new TestRegistry();
  await registry.start();
  await using http = new HttpClient();
  await using store = new DiskImageStore({ home: bench.at("store") });
  const remote = new RemoteRegistry({ images: store, ...shared(http) });
  const baseImage = `${registry.host}/none:1`;
  const { builder, images } = await bench.makeBuilder("home", { registry: remote, baseImage });
  const source = bench.archive({ "index.html": "hello" });
  const { phase, message = "" } = await ran(builder, { id: "a/b", source });
  assert.equal(phase, "Failed");
  assert.match(message, /^Step "base image" failed: Unable to fetch image ".*\/none:1"/);
  const plain = await ran(builder, { id: "a/c", source, base: { name: "scratch" } });
  const { config } = await images.image(plain.image ?? "sha256:");
  assert.equal(config.config?.Labels?.["varve.dev/runtime"], "process");
});

for (const { title, is, becomes } of [
  { title: "Docker's", is: "docker.image.rootfs.diff.tar.gzip", becomes: "tar+gzip" },
  { title: "Docker's plain", is: "docker.image.rootfs.diff.tar", becomes: "tar" },
  { title: "a zstd", is: "oci.image.layer.v1.tar+zstd", becomes: "tar+zstd" },
]) {
  test(`${title} layer of a base keeps its packing in OCI's words`, () => {
    const layer = { mediaType: `application/vnd.${is}`, digest: "sha256:0", size: 1 } as const;
    const base = { manifest: { layers: [layer] } } as unknown as Image;
    const [first] = layersOn(base, { layer, config: {}, created: "" });
    assert.equal(first?.mediaType, `application/vnd.oci.image.layer.v1.${becomes}`);
  });
}

const APP = { name: "app", main: "server.js" };

async function ran(builder: DiskBuilder, request: BuildRequest) {
  builder.build(request);
  return await endOf(builder, request.id);
}

function shared(http: HttpClient) {
  return { http, clock: systemClock, chance: systemChance };
}

function makeBench(): TestBench {
  const makeImages = (home: string) => new DiskImageStore({ home });
  return new TestBench({ makeImages, toolPath: systemPath() });
}
