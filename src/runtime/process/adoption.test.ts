import assert from "node:assert/strict";
import { type StdioOptions, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { processOf } from "../../base/process.ts";
import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import { keyOf } from "../key.ts";
import type { Instance, InstanceSpec, Runtime } from "../runtime.ts";
import { ask, specOf, until, untilReady, untilSo } from "../test_bed.ts";
import { TOKEN_VARIABLE } from "./environment.ts";
import type { BedRecord } from "./process_bed.ts";
import { ProcessBed, TOOL_PATH } from "./process_bed.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};
const NAME = "default/hello-00001-x7k2p";
const LINES = "logs/default%2Fhello-00001/lines";
const SRC = new URL("../../", import.meta.url);

/** A control process: it runs what its first line of input says, and says when that is ready. */
const CONTROL = `
import { createInterface } from "node:readline";
import { systemChance } from "${SRC}base/chance.ts";
import { systemClock } from "${SRC}base/clock.ts";
import { silentLog } from "${SRC}base/log.ts";
import { DiskImageStore } from "${SRC}oci/disk.ts";
import { untilReady } from "${SRC}runtime/test_bed.ts";
import { ProcessRuntime } from "${SRC}runtime/process/process_runtime.ts";
for await (const line of createInterface({ input: process.stdin })) {
  const { home, storeHome, toolPath, spec } = JSON.parse(line);
  const images = new DiskImageStore({ home: storeHome });
  await images.start();
  const parts = { clock: systemClock, chance: systemChance, log: silentLog };
  const runtime = new ProcessRuntime({ home, images, toolPath, ...parts });
  await runtime.start();
  await runtime.run(spec);
  const instance = await untilReady(runtime, spec.name);
  process.stdout.write(JSON.stringify(instance) + "\\n");
}
`;

test("with the control process killed, and all of its terminal, instances live on", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const { instance, killAll } = await controlled(bed, specOf(bed.app));
  const note = join(bed.home, "output/taken", `${keyOf(NAME)}.0`);
  await untilSo("a line is taken", () => existsSync(note) && Number(readFileSync(note)) > 0);
  await killAll();
  assert.equal(await ask(instance, "/say/meanwhile"), "hello");

  await using runtime = await bed.open();
  assert.deepEqual(runtime.get(NAME), instance);
  await ask(instance, "/say/after");
  const lines = async () => await Array.fromAsync(runtime.log(NAME), ({ text }) => text);
  const all = ["begun", "meanwhile", "after"];
  await untilSo("all lines are there", async () => (await lines()).length >= all.length);
  assert.deepEqual(await lines(), all);
  await ask(instance, "/exit/5").catch(() => {});
  const next = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts === 1);
  assert.notEqual(next.address?.port, instance.address?.port);
  // Nobody saw how, as it was no child of ours.
  const { at, startedAt } = next.lastExit ?? {};
  assert.deepEqual(next.lastExit, { reason: "Unknown", output: all.join("\n"), at, startedAt });
});

test("what our own parent left open in us is not open in instances", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const command = ["sh", "-c", "ls -l /proc/self/fd; exec sleep 60"];
  const readiness = { exec: { command: ["true"] } };
  const { killAll } = await controlled(bed, specOf(bed.app, { command, readiness }), 40);
  await killAll();
  await using runtime = await bed.open();
  const lines = () => Array.fromAsync(runtime.log(NAME), ({ text }) => text);
  await untilSo("its files are listed", async () =>
    (await lines()).some((it) => / 40 ->/.test(it)),
  );
  assert(
    (await lines()).some((it) => it.endsWith(" 40 -> /dev/null")),
    (await lines()).join("\n"),
  );
});

const asRoot = { skip: process.getuid?.() === 0 ? false : "only root runs something as root" };

test("what an earlier server ran as root against orders runs on, and is told", asRoot, async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const readiness = { exec: { command: ["true"] } };
  const { instance, killAll } = await controlled(bed, specOf(bed.app, { readiness }));
  await killAll();
  changeRecord(bed, ({ spec, run, ...rest }) => {
    assert(run !== undefined);
    const orders = { ...spec, security: { isNeverRoot: true } };
    return { ...rest, spec: orders, run: { ...run, phase: "starting" } };
  });
  for (const _ of ["the first time", "and again"]) {
    await using runtime = await bed.open();
    const { pid, restarts, caveats } = await untilReady(runtime, NAME);
    assert.deepEqual([pid, restarts, caveats.length], [instance.pid, 0, 1]);
    assert.match(caveats[0] ?? "", /^it runs as root, and must not .* Its next start is refused/);
  }
  await using runtime = await bed.open();
  process.kill(instance.pid ?? 0, "SIGKILL");
  const ended = await until(runtime, NAME, ({ lastExit }) => lastExit?.reason === "NotStarted");
  assert.match(ended.lastExit?.output ?? "", /runAsNonRoot/);
});

test("a process that was started just before its record could be written is found", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const { instance, killAll } = await controlled(bed, specOf(bed.app));
  await killAll();
  changeRecord(bed, ({ run, ...rest }) => {
    assert(run !== undefined);
    const { process: _, ...about } = run;
    return { ...rest, run: { ...about, phase: "starting" } };
  });
  await using runtime = await bed.open();
  const { pid, restarts } = await untilReady(runtime, NAME);
  assert.deepEqual([pid, restarts], [instance.pid, 0]);
});

test("an instance that was about to be started, and never was, is started", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const { instance, killAll } = await controlled(bed, specOf(bed.app));
  await killAll();
  await ask(instance, "/exit/0").catch(() => {});
  changeRecord(bed, ({ run, ...rest }) => {
    assert(run !== undefined);
    const { process: _, ...about } = run;
    return { ...rest, run: { ...about, phase: "starting" } };
  });
  await using runtime = await bed.open();
  assert.equal((await untilReady(runtime, NAME)).lastExit, undefined);
});

test("a process with an instance's number and another beginning is not adopted", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const { instance, killAll } = await controlled(bed, specOf(bed.app));
  await killAll();
  changeRecord(bed, ({ run, ...rest }) => {
    assert(run?.process !== undefined);
    return { ...rest, run: { ...run, process: { ...run.process, startedAt: "1/1" } } };
  });
  await using runtime = await bed.open();
  const next = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts === 1);
  assert.equal(next.lastExit?.reason, "Unknown");
  // It had our token though, and so it was ours to end.
  assert.equal(processOf(instance.pid ?? 0), undefined);
});

test("what a control process was stopping when it was killed is stopped by the next", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const { instance, killAll } = await controlled(bed, specOf(bed.app));
  await killAll();
  changeRecord(bed, (record) => ({ ...record, isStopping: true }));
  await using runtime = await bed.open();
  assert.equal(runtime.get(NAME)?.phase, "stopping");
  await runtime.stop(NAME);
  assert.deepEqual([runtime.list(), processOf(instance.pid ?? 0)], [[], undefined]);
});

test("a process with a token of ours that is on no record is ended", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await (await bed.open())[Symbol.asyncDispose]();
  const id = createHash("sha256").update(realpathSync(bed.home)).digest("hex").slice(0, 12);
  // The other comes first in the list of processes, so that it would be ended first as well.
  const other = spawn("sleep", ["60"], { env: { [TOKEN_VARIABLE]: "another.lost" } });
  const stray = spawn("sleep", ["60"], { env: { [TOKEN_VARIABLE]: `${id}.lost` } });
  await Promise.all([once(stray, "spawn"), once(other, "spawn")]);
  const ended = once(stray, "exit");
  await using _ = await bed.open();
  assert.deepEqual(await ended, [null, "SIGKILL"]);
  assert.notEqual(processOf(other.pid ?? 0), undefined);
  other.kill();
});

test("of an instance that goes on writing while we are killed, no line is lost", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const writer = `
    import { scheduler } from "node:timers/promises";
    for (let n = 0; ; n += 1) {
      process.stdout.write(n + "\\n");
      if (n % 10 === 0) await scheduler.wait(1);
    }
  `;
  const image = await bed.image({ "app.mjs": writer }, { Cmd: ["node", "app.mjs"] });
  const spec = specOf(image, { readiness: { exec: { command: ["true"] } } });
  const { killAll } = await controlled(bed, spec);
  const lines = (runtime: Runtime) =>
    Array.fromAsync(runtime.log(NAME), ({ text }) => Number(text));
  await untilSo("something was taken", () => existsSync(join(bed.home, LINES)));
  await killAll();
  await using runtime = await bed.open();
  const before = (await lines(runtime)).length;
  await untilSo("there is more", async () => (await lines(runtime)).length > before + 1000);
  await runtime.stop(NAME);
  const numbers = await lines(runtime);
  const distinct = [...new Set(numbers)].toSorted((a, b) => a - b);
  assert.deepEqual(distinct, [...distinct.keys()]);
  assert(numbers.length - distinct.length <= 2000, "at most one look is repeated");
});

test("twenty instances at once all become ready, and all can be ended at once", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const names = Array.from({ length: 20 }, (_, n) => `default/hello-00001-${n}`);
  await Promise.all(names.map((name) => runtime.run(specOf(bed.app, { name }))));
  const all = await Promise.all(names.map((name) => untilReady(runtime, name)));
  assert.equal(new Set(all.map(({ address }) => address?.port)).size, 20);
  assert.deepEqual(new Set(all.map(({ restarts }) => restarts)), new Set([0]));
  const colors = await Promise.all(all.map((it) => ask(it, "/env")));
  const ports = colors.map((env) => JSON.parse(env).PORT);
  assert.deepEqual(
    ports,
    all.map(({ address }) => String(address?.port)),
  );
  await runtime.stopAll();
  assert.deepEqual(runtime.list(), []);
});

/** Has another process run an instance, until that is ready. */
async function controlled(bed: ProcessBed, spec: InstanceSpec, leftOpen = 3) {
  const script = join(bed.storeHome, "control.mjs");
  writeFileSync(script, CONTROL);
  const stdio: StdioOptions = ["pipe", "pipe", "inherit"];
  while (stdio.length < leftOpen) stdio.push("ignore");
  const control = spawn(process.execPath, [script], { detached: true, stdio: [...stdio, 2] });
  const { home, storeHome } = bed;
  control.stdin?.write(`${JSON.stringify({ home, storeHome, toolPath: TOOL_PATH, spec })}\n`);
  assert(control.stdout !== null && control.pid !== undefined);
  const [line] = await once(createInterface({ input: control.stdout }), "line");
  const instance: Instance = JSON.parse(line);
  const killAll = async () => {
    const exit = once(control, "exit");
    process.kill(-(control.pid ?? 0), "SIGKILL");
    await exit;
  };
  return { instance, killAll };
}

function changeRecord(bed: ProcessBed, change: (record: BedRecord) => BedRecord): void {
  const path = join(bed.home, "instances", keyOf(NAME), "record.json");
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")))));
}
