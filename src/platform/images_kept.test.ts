import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ready, serviceFrom } from "../../test/support/varve_process.ts";
import { REVISION } from "../api/revision.ts";
import { SERVICE, type Service } from "../api/service.ts";
import { systemChance } from "../base/chance.ts";
import { type Clock, systemClock, timestampOf } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import { silentLog } from "../base/log.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import { KubernetesClient } from "../client/kubernetes.ts";
import { tarOf } from "../oci/test_image.ts";
import { readConfig } from "./config.ts";
import { type Platform, startPlatform } from "./platform.ts";

const IMAGES_EVERY_MS = 600_000;
const WITHIN_MS = 60_000;

let home = "";
let aheadMs = 0;
const due = new Set<() => void>();
/** Time as it is, but that images are looked after when the test says so. */
const clock: Clock = {
  ...systemClock,
  now: () => systemClock.now() + aheadMs,
  elapsed: () => systemClock.elapsed() + aheadMs,
  timestamp: () => timestampOf(systemClock.now() + aheadMs),
  after(ms, act) {
    // The limit of a build is as long, and gone when the build is over.
    if (ms !== IMAGES_EVERY_MS) return systemClock.after(ms, act);
    due.add(act);
    return { [Symbol.dispose]: () => void due.delete(act) };
  },
};
let platform: Platform;
let client: KubernetesClient;
before(async () => {
  home = mkdtempSync(join(tmpdir(), "varve-kept-"));
  const where = ["--api", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--workers", "1"];
  const config = readConfig(["--home", home, ...where, "--log-level", "silent"]);
  platform = await startPlatform(config, { clock, chance: systemChance, log: silentLog });
  client = new KubernetesClient(await readKubeconfig(join(home, "kubeconfig")));
});
after(async () => {
  await client[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

test("an image goes with its Service, and a redeployed one is there again", async () => {
  const source = await upload("gone");
  await client.create<Service>(serviceFrom(source, "gone"));
  await ready(client, "gone");
  const image = await imageOf("gone");
  await tidy();
  assert.ok(blobs().has(image), "it is kept while its Revision is there");
  assert.ok(blobs().has(source.replace("upload:", "")), "so is what it was built of");
  await remove("gone");
  await tidy();
  assert.deepEqual([...blobs()], [], "image, configuration, layer and source");
  assert.equal(await upload("gone"), source);
  await client.create<Service>(serviceFrom(source, "gone"));
  await ready(client, "gone");
  assert.equal(await imageOf("gone"), image);
  await remove("gone");
});

test("a Revision keeps its image over many deploys, and a template its source", async () => {
  const first = await client.create<Service>(serviceFrom(await upload("version 1"), "many"));
  await ready(client, "many");
  const image = await imageOf("many");
  for (const version of [2, 3, 4]) {
    const now = await client.get(SERVICE, first.metadata as { namespace: string; name: string });
    const { spec } = serviceFrom(await upload(`version ${version}`), "many");
    await client.put<Service>({ ...now, spec: { ...spec } });
    await ready(client, "many");
    await tidy();
  }
  assert.ok(blobs().has(image), "the first Revision is still there");
  const now = await ready(client, "many");
  const template = now.spec.template ?? {};
  const containers = [{ env: [{ name: "COLOUR", value: "blue" }] }];
  await client.put<Service>({ ...now, spec: { template: { ...template, spec: { containers } } } });
  await ready(client, "many");
  await remove("many");
});

test("what builds have fetched goes a month after its last use, and is counted", async () => {
  const cache = join(home, "builds/cache/npm");
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, "file"), "x".repeat(1234));
  const bytes = async () => await counter("varve_build_caches_freed_bytes_total");
  const before = await bytes();
  await tidy();
  assert.deepEqual([existsSync(cache), (await bytes()) - before], [true, 0]);
  aheadMs += 30 * 24 * 3_600_000;
  await tidy();
  assert.deepEqual([existsSync(cache), (await bytes()) - before], [false, 1234]);
});

/** Hours later, once images have been looked after. */
async function tidy(): Promise<void> {
  aheadMs += 2 * 3_600_000;
  const untilMs = Date.now() + WITHIN_MS;
  const [act, ...others] = due;
  assert.ok(act !== undefined && others.length === 0, "housekeeping alone waits for its turn");
  due.delete(act);
  act();
  while (due.size === 0) {
    assert.ok(Date.now() < untilMs, "housekeeping does not end");
    await sleep(10);
  }
}

async function imageOf(service: string): Promise<string> {
  const { status } = await ready(client, service);
  const name = status?.latestReadyRevisionName ?? "";
  const revision = await client.get(REVISION, { namespace: "default", name });
  return revision.status?.containerStatuses?.[0]?.imageDigest?.replace(/^.*@/, "") ?? "none";
}

async function remove(name: string): Promise<void> {
  const key = { namespace: "default", name };
  const untilMs = Date.now() + WITHIN_MS;
  await client.delete(await client.get(SERVICE, key));
  while (!(await isGone(name))) {
    assert.ok(Date.now() < untilMs, `${name} does not go`);
    await sleep(20);
  }
}

async function isGone(service: string): Promise<boolean> {
  const { items } = await client.list(REVISION, { namespace: "default" });
  return items.every(({ metadata }) => !metadata.name.startsWith(service));
}

/** An app that says this, as `varve deploy` sends it. */
async function upload(says: string): Promise<string> {
  const answer = `(_, answer) => answer.end(${JSON.stringify(says)})`;
  const app = `require("node:http").createServer(${answer}).listen(process.env.PORT)`;
  const named = JSON.stringify({ scripts: { start: "node server.js" } });
  const tar = await tarOf({ "server.js": app, "package.json": named });
  const digest = `sha256:${createHash("sha256").update(tar).digest("hex")}` as const;
  const signal = new AbortController().signal;
  await client.upload({ namespace: "default", digest }, Readable.from([tar]), { signal });
  return `upload:${digest}`;
}

/** What Prometheus would be told. */
async function counter(name: string): Promise<number> {
  const { server, token = "", authority } = await readKubeconfig(join(home, "kubeconfig"));
  await using http = new HttpClient(authority === undefined ? {} : { ca: [authority] });
  const headers = { authorization: `Bearer ${token}` };
  const answer = await http.send({ method: "GET", url: `${server}/metrics`, headers });
  const [, value] = new RegExp(`^${name} (\\d+)$`, "m").exec(await answer.text()) ?? [];
  assert(value !== undefined, `there is no ${name}`);
  return Number(value);
}

function blobs(): ReadonlySet<string> {
  return new Set(readdirSync(join(home, "images/blobs/sha256")).map((it) => `sha256:${it}`));
}
