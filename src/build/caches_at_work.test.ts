import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { type Clock, systemClock } from "../base/clock.ts";
import { DiskImageStore } from "../oci/disk.ts";
import { makeTestImage } from "../oci/test_image.ts";
import type { StepsPlan } from "./build.ts";
import { endOf, hasTool, linesOf, systemPath, TestBench, until } from "./test_builder.ts";

const NPM = { skip: hasTool("npm") ? false : "there is no npm on the PATH" };
const DAY_MS = 24 * 3_600_000;
const MONTH = { idleMs: 30 * DAY_MS, bytesMax: 1024 ** 3 };
/** More than nothing is too much. */
const NOTHING = { idleMs: DAY_MS, bytesMax: 0 };
const FILES = { "one.txt": "the first", "two.txt": "the second one" };

let bench: TestBench;
let aheadMs = 0;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
beforeEach(() => {
  aheadMs = 0;
  const makeImages = (home: string) => new DiskImageStore({ home });
  bench = new TestBench({ makeImages, toolPath: systemPath() });
});
afterEach(() => bench[Symbol.asyncDispose]());

test("what npm has fetched stays while it is at work, and may go afterwards", NPM, async () => {
  const { builder } = await bench.makeBuilder("home", { clock });
  const go = bench.at("go");
  builder.build({ id: "a", source: bench.archive(waitingFor(go)) });
  await until(builder, "a", ({ step }) => step === "npm run build");
  for await (const { text } of builder.log("a", { follow: true })) if (text === "waits") break;
  const before = caches("npm");
  assert(before.length > 0, "npm keeps its logs there, if nothing else");
  assert.equal(await builder.collectCaches(NOTHING), 0);
  assert.deepEqual(caches("npm"), before);
  writeFileSync(go, "");
  assert.equal((await endOf(builder, "a")).phase, "Succeeded");
  // As large as whatever npm has written by now.
  assert((await builder.collectCaches(NOTHING)) > 0);
  assert.deepEqual(caches(), []);
  builder.build({ id: "b", source: bench.archive(waitingFor(go)) });
  assert.equal((await endOf(builder, "b")).phase, "Succeeded");
});

test("a file of a manifest goes when no build has used it for long, and comes again", async () => {
  await using server = createServer((request, answer) => {
    const name = request.url?.slice(1) ?? "";
    answer.end(name in FILES ? FILES[name as keyof typeof FILES] : manifestOf(name.split("+")));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { builder } = await bench.makeBuilder("home", { clock, ...STEPLESS });
  const fetched = async (id: string, names: string) => {
    builder.build({ id, plan: planOf(`${origin}/+${names}`) });
    const { phase, message } = await endOf(builder, id);
    assert.equal(phase, "Succeeded", message);
    const lines = await linesOf(builder, id);
    return lines.map((line) => / (\d) fetched,/.exec(line)?.[1]).find((it) => it !== undefined);
  };
  const manifestOf = (names: readonly string[]) => {
    const files = names
      .slice(1)
      .map((name) => [name, { sourceUrl: `${origin}/${name}`, ...sumOf(name) }]);
    return JSON.stringify(Object.fromEntries(files));
  };
  assert.equal(await fetched("first", "one.txt+two.txt"), "2");
  aheadMs += 20 * DAY_MS;
  assert.equal(await fetched("second", "one.txt"), "0");
  aheadMs += 20 * DAY_MS;
  assert.equal(await builder.collectCaches(MONTH), FILES["two.txt"].length);
  assert.deepEqual(caches("manifest-files"), [keptAs("one.txt")]);
  assert.equal(await fetched("third", "one.txt+two.txt"), "1");
  writeFileSync(bench.at("home/builder/cache/manifest-files", keptAs("one.txt")), "the fi");
  assert.equal(await fetched("fourth", "one.txt+two.txt"), "1", "one is torn");
  assert.equal(await fetched("fifth", "one.txt+two.txt"), "0");
});

/** Builders whose plans have sources alone. */
const STEPLESS = {
  containers: {
    whyNone: async () => undefined,
    run: () => Promise.reject(new Error("nothing runs")),
    async [Symbol.asyncDispose]() {},
  },
  registry: {
    pull: async () => (await makeTestImage()).digest,
    push: () => Promise.reject(new Error("nobody pushes")),
  },
};

function planOf(url: string): StepsPlan {
  const source = { from: { type: "manifest", url }, targetPath: "" } as const;
  const parts = [{ type: "source", container: "build-step-gcs-source", source }] as const;
  return { parts, volumes: [], logins: { git: [], docker: [] }, timeLimitMs: 60_000 };
}

function sumOf(name: string) {
  const text = FILES[name as keyof typeof FILES];
  return { sha256Sum: createHash("sha256").update(text).digest("hex") };
}

function keptAs(name: string): string {
  return `sha256-${sumOf(name).sha256Sum}`;
}

/** An app whose build waits for a file. */
function waitingFor(file: string) {
  const scripts = { build: "node wait.js", start: "node wait.js" };
  const look = `require("fs").existsSync(${JSON.stringify(file)}) && process.exit()`;
  const says = 'process.stdout.write("waits\\n")';
  return {
    "package.json": JSON.stringify({ scripts }),
    "wait.js": `${says}; setInterval(() => ${look}, 20);`,
  };
}

function caches(...name: readonly string[]): readonly string[] {
  return readdirSync(bench.at("home/builder/cache", ...name));
}
