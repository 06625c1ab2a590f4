import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { DiskImageStore } from "../src/oci/disk.ts";
import { makeTestImage } from "../src/oci/test_image.ts";
import { ProcessBed } from "../src/runtime/process/process_bed.ts";
import type { ProcessRuntime } from "../src/runtime/process/process_runtime.ts";
import { TEST_APP } from "../src/runtime/test_app.ts";
import { specOf, untilReady } from "../src/runtime/test_bed.ts";
import { claim, elapsedMs, inTurn, rounded, times } from "./report.ts";

// What the process runtime adds to an app's own start: from asking for an instance to its being
// ready, against the bare app from its spawn to the first connection that it takes.

const ROUNDS = 30;
const OWN_PORT = 19_080;
const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};

async function main(directory: string): Promise<void> {
  writeFileSync(join(directory, "app.mjs"), TEST_APP);
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  // The first of an image has it laid out, once for all.
  await startMs(runtime, bed);
  const { own, ours } = await inTurn(ROUNDS, {
    own: () => ownMs(directory),
    ours: () => startMs(runtime, bed),
  });
  const ratio = `${times(ours, own)} the app's own ${rounded(own)} ms`;
  claim(
    "runtime",
    `process instance ready: ${rounded(ours)} ms, ${ratio}, +${rounded(ours - own)} ms`,
  );
}

async function ownMs(directory: string): Promise<number> {
  const env = { PORT: String(OWN_PORT) };
  const start = () =>
    spawn(process.execPath, ["app.mjs"], { cwd: directory, env, stdio: "ignore" });
  let app: ReturnType<typeof start> | undefined;
  const tookMs = await elapsedMs(async () => {
    app = start();
    while (!(await takesConnection(OWN_PORT))) await systemClock.sleep(1);
  });
  const exit = app && once(app, "exit");
  app?.kill();
  await exit;
  return tookMs;
}

async function startMs(runtime: ProcessRuntime, { app }: ProcessBed): Promise<number> {
  const spec = specOf(app, { revision: "default/bench-00001" });
  const tookMs = await elapsedMs(async () => {
    await runtime.run(spec);
    await untilReady(runtime, spec.name);
  });
  await runtime.stop(spec.name);
  return tookMs;
}

function takesConnection(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

const directory = mkdtempSync(join(tmpdir(), "varve-bench-"));
try {
  await main(directory);
} finally {
  rmSync(directory, { recursive: true });
}
