import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type Clock, systemClock } from "../base/clock.ts";
import { isRunning, type ProcessId, processOf } from "../base/process.ts";
import { DiskImageStore } from "../oci/disk.ts";
import type { BuildState } from "./build.ts";
import type { DiskBuilder } from "./disk_builder.ts";
import { runStep } from "./step.ts";
import {
  endOf,
  hasTool,
  linesOf,
  systemPath,
  TestBench,
  type TestFiles,
  until,
} from "./test_builder.ts";

let bench: TestBench;
beforeEach(() => {
  const makeImages = (home: string) => new DiskImageStore({ home });
  bench = new TestBench({ makeImages, toolPath: systemPath() });
});
afterEach(() => bench[Symbol.asyncDispose]());

const NPM = { skip: hasTool("npm") ? false : "there is no npm on the PATH" };
const HELLO = { hello: { text: "#!/bin/sh\necho hello\n", mode: 0o755 } };
/** An app whose build tells its number and then waits for the file that it is given. */
const WAITING = (file: string) => ({
  "package.json": JSON.stringify({ scripts: { build: "node wait.js", start: "node wait.js" } }),
  "wait.js": `
    process.stdout.write("pid " + process.pid + "\\n");
    const look = () => (require("fs").existsSync(${JSON.stringify(file)}) ? process.exit() : 0);
    require("timers").setInterval(look, 20);
  `,
});

test("a build tells of every phase and step, and ends with an image and its origin", async () => {
  const { builder, images } = await bench.makeBuilder();
  const seen: string[] = [];
  builder.watch((id) => {
    const { phase, step = "" } = builder.state(id) ?? { phase: "gone" };
    seen.push(`${id} ${phase} ${step}`.trim());
  });
  assert.deepEqual(builder.build(request("a", HELLO)), { phase: "Pending" });
  const { startedAt, completedAt, image, origin, ...state } = await endOf(builder, "a");
  assert.deepEqual(state, { phase: "Succeeded" });
  assert.match(origin ?? "", /^sha256:[0-9a-f]{64}$/);
  assert(startedAt !== undefined && completedAt !== undefined && image !== undefined);
  assert.deepEqual((await images.image(image)).config.config?.Entrypoint, ["./hello"]);
  assert.deepEqual(
    [...new Set(seen)],
    [
      "a Pending",
      "a Building",
      "a Building fetch",
      "a Building detect",
      "a Building assemble",
      "a Succeeded",
    ],
  );
  assert.deepEqual(readdirSync(bench.at("home/builder/work")), []);
});

test("asking again changes nothing, also over a restart, and the log stays readable", async () => {
  const one = await bench.makeBuilder();
  one.builder.build(request("ns/good", HELLO));
  one.builder.build(request("ns/bad", { "README.md": "" }));
  const good = await endOf(one.builder, "ns/good");
  const bad = await endOf(one.builder, "ns/bad");
  assert.equal(bad.reason, "NothingToRun");
  assert.deepEqual(one.builder.build(request("ns/good", {})), good);
  const lines = await linesOf(one.builder, "ns/bad");
  assert.equal(lines.at(-1), `detect| ${bad.message}`);
  await one.builder[Symbol.asyncDispose]();

  const two = await bench.makeBuilder();
  assert.deepEqual(two.builder.build(request("ns/good", {})), good);
  assert.deepEqual(two.builder.state("ns/bad"), bad);
  assert.deepEqual(await linesOf(two.builder, "ns/bad"), lines);
  assert.throws(() => two.builder.log("ns/none"), { message: 'Cannot find the build "ns/none"' });
});

test("so many builds run at a time, the others wait, each in its turn", NPM, async () => {
  const { builder } = await bench.makeBuilder("home", { buildsMax: 2 });
  const phases = () => ["a", "b", "c"].map((id) => builder.state(id)?.phase);
  for (const id of ["a", "b", "c"]) builder.build(request(id, WAITING(bench.at(`go-${id}`))));
  await Promise.all([pidOf(builder, "a"), pidOf(builder, "b")]);
  assert.deepEqual(phases(), ["Building", "Building", "Pending"]);
  writeFileSync(bench.at("go-b"), "");
  await pidOf(builder, "c");
  assert.deepEqual(phases(), ["Building", "Succeeded", "Building"]);
  writeFileSync(bench.at("go-a"), "");
  writeFileSync(bench.at("go-c"), "");
  await Promise.all([endOf(builder, "a"), endOf(builder, "c")]);
});

test("a build over its time is ended with all of its processes", NPM, async () => {
  let expire = () => {};
  const after: Clock["after"] = (ms, act) => {
    if (ms !== 1500) return systemClock.after(ms, act);
    expire = act;
    return { [Symbol.dispose]() {} };
  };
  const clock = { ...systemClock, after };
  const { builder } = await bench.makeBuilder("home", { clock, timeLimitMs: 1500 });
  builder.build(request("a", WAITING("/nowhere")));
  const pid = await pidOf(builder, "a");
  expire();
  const { reason, message, step } = await endOf(builder, "a");
  const expected = 'The build was ended after 1.5 s, in the step "npm run build"';
  assert.deepEqual(
    { reason, message, step },
    {
      reason: "BuildTimeout",
      message: expected,
      step: "npm run build",
    },
  );
  assert.equal(processOf(pid), undefined);
  assert.deepEqual(readdirSync(bench.at("home/builder/work")), []);
});

test(
  "a build that is forgotten is ended, and gone with its log; then it may begin anew",
  NPM,
  async () => {
    const { builder } = await bench.makeBuilder();
    builder.build(request("a", WAITING("/nowhere")));
    const pid = await pidOf(builder, "a");
    const following = Array.fromAsync(builder.log("a", { follow: true }));
    let told = 0;
    builder.watch(() => {
      told += builder.state("a") === undefined ? 1 : 0;
    });
    const forgetting = builder.forget("a");
    assert.equal(builder.state("a"), undefined);
    builder.build(request("a", HELLO));
    await forgetting;
    assert.equal(told, 1);
    assert.equal(processOf(pid), undefined);
    assert((await following).length > 0);
    assert.equal((await endOf(builder, "a")).phase, "Succeeded");
    await builder.forget("a");
    await builder.forget("a");
    assert.deepEqual(readdirSync(bench.at("home/builder/builds")), []);
  },
);

test(
  "a builder that is disposed of ends its builds, and they begin anew when asked for",
  NPM,
  async () => {
    const { builder } = await bench.makeBuilder();
    builder.build(request("a", WAITING("/nowhere")));
    const pid = await pidOf(builder, "a");
    await builder[Symbol.asyncDispose]();
    await builder[Symbol.asyncDispose]();
    assert.equal(processOf(pid), undefined);
    assert.deepEqual(readdirSync(bench.at("home/builder/work")), []);
    const again = await bench.makeBuilder();
    assert.equal(again.builder.state("a"), undefined);
    again.builder.build(request("a", HELLO));
    assert.equal((await endOf(again.builder, "a")).phase, "Succeeded");
  },
);

test("what a crashed server left is cleared away at the start, processes too", async () => {
  const root = bench.at("home/builder/work/crashed");
  mkdirSync(join(root, "source"), { recursive: true });
  const script = `
    const { spawn } = require("child_process");
    const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
    process.stdout.write(child.pid + "\\n");
    require("timers").setInterval(() => {}, 1000);
  `;
  const { promise, resolve } = Promise.withResolvers<number>();
  let leader: ProcessId | undefined;
  const step = runStep({
    command: [process.execPath, "-e", script],
    cwd: root,
    env: { PATH: systemPath(), VARVE_BUILD: root },
    clock: systemClock,
    signal: new AbortController().signal,
    onLine: (line) => resolve(Number(line)),
    onStart: (id) => {
      leader = id;
      writeFileSync(join(root, "process.json"), JSON.stringify(id));
    },
  });
  const ended = assert.rejects(step, { what: "was ended by SIGKILL" });
  const escaped = processOf(await promise);
  await bench.makeBuilder();
  await ended;
  assert(leader !== undefined && escaped !== undefined);
  assert.deepEqual([isRunning(leader), isRunning(escaped)], [false, process.platform !== "linux"]);
  assert.equal(existsSync(root), false);
});

test("a step that leaves processes behind ends nevertheless, and they with it", NPM, async () => {
  const { builder } = await bench.makeBuilder();
  const build = "sleep 1000 & echo pid $!; setsid sleep 1000 & echo escaped $!";
  const scripts = { build, start: "node a.js" };
  builder.build(request("a", { "package.json": JSON.stringify({ scripts }) }));
  assert.equal((await endOf(builder, "a")).phase, "Succeeded");
  const lines = await linesOf(builder, "a");
  const pids = lines.flatMap((line) => /\| (?:pid|escaped) (\d+)$/.exec(line)?.slice(1) ?? []);
  assert.equal(pids.length, 2);
  const left = pids.filter((pid) => processOf(Number(pid)) !== undefined);
  assert.deepEqual(left, process.platform === "linux" ? [] : left);
});

test("on a full disk a build fails as such, and leaves nothing but its record", (t) => {
  const isolated = ["--user", "--map-root-user", "--mount"];
  if (spawnSync("unshare", [...isolated, "true"]).status !== 0) {
    return t.skip("this system lets nobody mount a small disk of their own");
  }
  const home = bench.at("small");
  mkdirSync(home);
  const source = bench.archive({ ...HELLO, big: "x".repeat(3_000_000) });
  assert(source.type === "archive");
  const script = 'mount -t tmpfs -o size=1m tmpfs "$1" && home=$1 && shift && "$@" && find $home';
  const node = [process.execPath, join(import.meta.dirname, "test_full_disk.mjs")];
  const args = ["sh", "-c", script, "sh", home, ...node, home, source.url];
  const said = execFileSync("unshare", [...isolated, ...args], { encoding: "utf8" });
  assert.match(said, /^InsufficientStorage The disk was full in the step "fetch": ENOSPC/);
  const left = said
    .trim()
    .split("\n")
    .slice(1)
    .map((path) => path.replace(home, ""));
  const parts = ["", "/builds", "/cache", "/images", "/work"];
  const kept = left.filter((path) => parts.includes(path) || path.startsWith("/builds/"));
  const isWhole = left.every((path) => kept.includes(path) || path.startsWith("/images/"));
  assert(isWhole && left.some((path) => path.endsWith("/build.json")), said);
});

function request(id: string, files: TestFiles) {
  return { id, source: bench.archive(files) };
}

/** Of the process that a build waits for. */
async function pidOf(builder: DiskBuilder, id: string): Promise<number> {
  const isAtWork = ({ step }: BuildState) => step === "npm run build";
  await until(builder, id, isAtWork);
  for await (const { text } of builder.log(id, { follow: true })) {
    const [, pid] = /^pid (\d+)$/.exec(text) ?? [];
    if (pid !== undefined) return Number(pid);
  }
  assert.fail(`the build "${id}" ended: ${JSON.stringify(builder.state(id))}`);
}
