import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Clock, systemClock } from "../../base/clock.ts";
import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import { keyOf } from "../key.ts";
import { ask, specOf, until, untilReady, untilSo } from "../test_bed.ts";
import { ProcessBed } from "./process_bed.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};
const NAME = "default/hello-00001-x7k2p";
const REVISION = "default/hello-00001";
const AT_ONCE = { readiness: { exec: { command: ["true"] } } };

test("the output of a chatty instance keeps to its bounds, in order", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const bounds = { logFileBytesMax: 50_000, logFilesMax: 3, spoolBytesMax: 20_000 };
  await using runtime = await bed.open(bounds);
  const script = "n=0; while [ $n -lt 20000 ]; do n=$((n+1)); echo line $n; done; exec sleep 60";
  await runtime.run(specOf(bed.app, { ...AT_ONCE, command: ["sh", "-c", script] }));
  const numbers = () =>
    Array.fromAsync(runtime.log(NAME), ({ text }) => Number(text.split(" ")[1]));
  await untilSo("the last line is there", async () => (await numbers()).at(-1) === 20_000);
  const kept = await numbers();
  assert.deepEqual(
    kept,
    kept.toSorted((a, b) => a - b),
  );
  const logs = join(bed.home, "logs", keyOf(REVISION));
  const bytes = readdirSync(logs).map((file) => statSync(join(logs, file)).size);
  // A look is put in a file as a whole, so that one may be over by a look.
  assert(bytes.every((it) => it < 250_000) && bytes.length <= 4, String(bytes));
  const spool = join(bed.home, "output/written", `${keyOf(NAME)}.0`);
  await untilSo("the spool is empty", () => statSync(spool).size === 0);
});

test("a line is there soon after it is written, with its time, and followed", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  await runtime.run(specOf(bed.app));
  const instance = await untilReady(runtime, NAME);
  const lines = () => Array.fromAsync(runtime.log(NAME));
  await untilSo("its first line is there", async () => (await lines()).length === 1);
  const beganMs = systemClock.now();
  const reading = runtime.log(NAME, { follow: true, tailLines: 0 })[Symbol.asyncIterator]();
  const next = reading.next();
  await ask(instance, "/say/now");
  const { value } = await next;
  assert.equal(value?.text, "now");
  assert(Date.parse(value?.at ?? "") >= beganMs);
  await reading.return?.();
});

test("dropping a revision's logs leaves none of it, and its instances unknown", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  await runtime.run(specOf(bed.app));
  await untilReady(runtime, NAME);
  await runtime.stop(NAME);
  assert.deepEqual(await Array.fromAsync(runtime.log(NAME), ({ text }) => text), ["begun"]);
  await runtime.dropLogs(REVISION);
  assert.throws(() => runtime.log(NAME), { name: "ApiError" });
  assert.deepEqual(readdirSync(join(bed.home, "logs")), []);
});

test("the last exit has the last lines, and not more than a screen can show", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const command = ["sh", "-c", "for n in $(seq 100); do echo line $n; done; exit 7"];
  await runtime.run(specOf(bed.app, { command }));
  const { lastExit } = await until(runtime, NAME, (it) => it.lastExit !== undefined);
  const lines = Array.from({ length: 80 }, (_, n) => `line ${n + 21}`);
  assert.deepEqual([lastExit?.code, lastExit?.output], [7, lines.join("\n")]);
});

test("a file in which it would say why it ended is not read, and that is said", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const command = ["sh", "-c", `echo no > ${bed.home}/why; echo last words; exit 7`];
  await runtime.run(specOf(bed.app, { command, terminationMessagePath: `${bed.home}/why` }));
  const { lastExit, caveats } = await until(runtime, NAME, (it) => it.lastExit !== undefined);
  assert.deepEqual([lastExit?.output, lastExit?.message], ["last words", undefined]);
  assert.match(
    caveats.join(),
    /^terminationMessagePath is not read, as a plain process .*: the last/,
  );
});

test("the pause before an instance is started again doubles, up to the most", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const slept: number[] = [];
  const clock: Clock = {
    ...systemClock,
    async sleep(ms, options) {
      if (ms >= 1000) slept.push(ms);
      await systemClock.sleep(ms >= 1000 ? 1 : ms, options);
    },
  };
  const chance = { uuid: () => "", fraction: () => 0, suffix: () => "", token: () => "t" };
  const backoff = { firstMs: 1000, mostMs: 6000 };
  await using runtime = await bed.open({ clock, chance, backoff });
  await runtime.run(specOf(bed.app, { command: ["false"] }));
  await until(runtime, NAME, ({ restarts }) => restarts >= 5);
  assert.deepEqual(slept.slice(0, 5), [1000, 2000, 4000, 6000, 6000]);
});
