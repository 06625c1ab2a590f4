import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { hasVariable, isRunning, processOf, signal } from "../base/process.ts";
import type { SetLimits } from "./limits.ts";
import { TOKEN_VARIABLE, type WorkerConfig } from "./worker_config.ts";
import type { WorkerFiles, WorkerRecord } from "./worker_files.ts";

export interface StartOptions {
  readonly files: WorkerFiles;
  readonly chance: Chance;
  readonly slot: number;
  readonly host: string;
  readonly port: number;
  readonly tls: WorkerConfig["tls"];
  readonly nodePath: string;
  readonly nodeArgs: readonly string[];
  readonly compileCache: string;
  readonly limits: SetLimits;
}

const ENTRY = fileURLToPath(new URL("worker.ts", import.meta.url));
/**
 * What a request needs is garbage when it is over, so a small nursery is enough, and stays in the
 * cache. A large one takes 40 MiB more while connections come, and keeps them.
 */
const NODE_ARGS = ["--max-semi-space-size=4"];
const NAME_CHARS = 8;
const TOKEN_BYTES = 32;
const POLL_MS = 20;

/** Starts a worker in a session of its own, so that it outlives us, with nothing of ours in it. */
export function startWorker(options: StartOptions): WorkerRecord {
  const { files, chance, slot, host, port, tls, limits } = options;
  const { nodePath, nodeArgs, compileCache } = options;
  const name = `worker-${chance.suffix(NAME_CHARS)}`;
  const token = chance.token(TOKEN_BYTES);
  const ports = { host, port, ...(tls && { tls }) };
  const paths = { accessLogPath: files.accessLogPath(slot), countsPath: files.countsPath(name) };
  const config: WorkerConfig = { ...ports, path: files.socketPath(name), limits, ...paths };
  const log = openSync(files.logPath(slot), "a", 0o600);
  try {
    const child = spawn(nodePath, [...NODE_ARGS, ...nodeArgs, ENTRY, JSON.stringify(config)], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", log, log],
      env: { [TOKEN_VARIABLE]: token, NODE_COMPILE_CACHE: compileCache },
    });
    // It tells by having no pid, below.
    child.on("error", () => {});
    child.unref();
    const id = child.pid === undefined ? undefined : processOf(child.pid);
    if (id === undefined) throw new Error(`Cannot start a gateway worker with "${nodePath}"`);
    const record = { name, slot, id, token, path: config.path, limits };
    files.write(record);
    return record;
  } finally {
    closeSync(log);
  }
}

/** Whether the process of a record is still there, and is the one that was recorded. */
export function isThere({ id, token }: WorkerRecord): boolean {
  return isRunning(id) && hasVariable(id.pid, `${TOKEN_VARIABLE}=${token}`);
}

/** Kills a worker that is of no use, and waits until it is gone. */
export async function kill({ id }: WorkerRecord, clock: Clock): Promise<void> {
  signal(id, "SIGKILL");
  while (isRunning(id)) await clock.sleep(POLL_MS);
}

/** Lets a worker drain; resolves when it is gone, after `deadlineMs` by force. */
export async function end(record: WorkerRecord, clock: Clock, deadlineMs: number): Promise<void> {
  signal(record.id, "SIGTERM");
  const deadline = clock.elapsed() + deadlineMs;
  while (isRunning(record.id) && clock.elapsed() < deadline) await clock.sleep(POLL_MS);
  await kill(record, clock);
}
