/**
 * Slow clients, by Debian's slowhttptest in its four modes, hundreds at a time: others are served
 * the while, and the worker's memory stays bounded. `node test/slow/slow.ts [--connections 500]`
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { ask, backendOf, Instance, Rig, routeOf } from "../../src/gateway/rig.ts";

const MODES = {
  "heads that never end": ["-H", "-i", "1"],
  "bodies that never end": ["-B", "-i", "1", "-s", "8192"],
  "ranges without number": ["-R"],
  "answers that nobody reads": ["-X", "-w", "1", "-y", "2", "-n", "2", "-z", "8"],
} as const;
const SECONDS = 8;
const MEMORY_MB_MAX = 256;
const BIG = Buffer.alloc(2 * 1024 * 1024, "x");

const { values } = parseArgs({ options: { connections: { type: "string", default: "500" } } });
const run = promisify(execFile);
const isInstalled = await run("which", ["slowhttptest"]).then(
  () => true,
  () => false,
);
if (isInstalled) await main();
else process.stdout.write("skipped: slowhttptest is not installed (Debian has it)\n");

async function main(): Promise<void> {
  await using rig = new Rig();
  const fleet = await rig.start({
    limits: { headMs: 3_000, bodyIdleMs: 3_000, writeIdleMs: 3_000 },
  });
  await using instance = await Instance.start("slow", (req, res) => {
    req.resume().on("end", () => res.end(req.url === "/big" ? BIG : "ok"));
  });
  await fleet.putBackend(backendOf("default/slow", [instance]));
  // The tool asks by the address it connects to.
  await fleet.putRoute(routeOf("127.0.0.1", { "default/slow": 100 }));
  const { address } = fleet;
  const pid = fleet.status().workers[0]?.pid ?? 0;
  for (const [title, mode] of Object.entries(MODES)) {
    const path = title.startsWith("answers") ? "/big" : "/";
    const url = `http://127.0.0.1:${address?.port}${path}`;
    const load = [
      "-c",
      values.connections,
      "-r",
      "200",
      "-l",
      String(SECONDS),
      "-p",
      "3",
      "-u",
      url,
    ];
    let isOver = false;
    const attack = run("slowhttptest", [...mode, ...load]).finally(() => {
      isOver = true;
    });
    let served = 0;
    let failed = 0;
    let mostMb = 0;
    while (!isOver) {
      const reply = await ask(address, { host: "127.0.0.1" }).catch(() => undefined);
      if (reply?.code === 200) served += 1;
      else failed += 1;
      mostMb = Math.max(mostMb, memoryMb(pid));
      await sleep(50);
    }
    await attack;
    const isFine = failed === 0 && served > 0 && mostMb < MEMORY_MB_MAX;
    if (!isFine) process.exitCode = 1;
    const others = `others: ${served} served, ${failed} failed`;
    process.stdout.write(`${title}: ${others}; worker at most ${mostMb.toFixed(0)} MB\n`);
  }
}

function memoryMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Rss: +(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}
