/** How soon an empty home is ready, and what Varve takes from the machine while it does nothing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { VarveProcess } from "../test/support/varve_process.ts";
import { claim, elapsedMs, inTurn, rounded, times } from "./report.ts";

const READY_BUDGET_MS = 2000;
const MEMORY_BUDGET_MB = 150;
const REST_MS = 5000;

const { start, node } = await inTurn(5, { start: startMs, node: nodeMs });
claim(
  "idle",
  `empty home to ready: ${rounded(start)} ms, ${times(start, node)} a bare node process`,
);
claim("idle", `  budget ${READY_BUDGET_MS} ms: ${start <= READY_BUDGET_MS ? "kept" : "missed"}`);

await using varve = await VarveProcess.start();
await sleep(REST_MS);
const control = memoryOf(varve.pid);
const worker = memoryOf(await workerOf(varve.home));
const bare = await bareMemory();
const all = control.pssMb + worker.pssMb;
const parts = `control ${rounded(control.pssMb)} MB, one worker ${rounded(worker.pssMb)} MB`;
const ratio = times(all, bare.pssMb);
claim("idle", `memory (PSS): ${rounded(all)} MB: ${parts}; ${ratio} a bare node process`);
const resident = control.rssMb + worker.rssMb;
claim("idle", `memory (RSS, shared pages counted twice): ${rounded(resident)} MB`);
claim(
  "idle",
  `  budget ${MEMORY_BUDGET_MB} MB: ${all <= MEMORY_BUDGET_MB ? "kept" : "missed"} by PSS`,
);

async function startMs(): Promise<number> {
  let varve: VarveProcess | undefined;
  const ms = await elapsedMs(async () => {
    varve = await VarveProcess.start();
  });
  await varve?.[Symbol.asyncDispose]();
  return ms;
}

async function nodeMs(): Promise<number> {
  return await elapsedMs(() => once(spawn(process.execPath, ["-e", "0"]), "exit"));
}

interface Memory {
  readonly rssMb: number;
  readonly pssMb: number;
}

function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mb = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(text)?.[1]) / 1024;
  return { rssMb: mb("Rss"), pssMb: mb("Pss") };
}

async function bareMemory(): Promise<Memory> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  await sleep(500);
  const memory = memoryOf(child.pid ?? 0);
  child.kill();
  return memory;
}

async function workerOf(home: string): Promise<number> {
  const directory = join(home, "gateway");
  const names = await readdir(directory, { recursive: true });
  const [record = ""] = names.filter((name) => name.endsWith(".json"));
  return JSON.parse(await readFile(join(directory, record), "utf8")).id.pid;
}
