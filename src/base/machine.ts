import { readFileSync, statfsSync } from "node:fs";
import * as os from "node:os";

/** What this machine is, which does not change while we run. */
export interface Machine {
  readonly hostname: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly kernel: string;
  readonly osImage: string;
  readonly os: string;
  /** In the words of Go and of container images: "amd64". */
  readonly architecture: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Where it is reached from others; loopback when nowhere. */
  readonly address: string;
}

/** How this machine is at a moment. */
export interface Load {
  readonly memoryAvailableBytes: number;
  /** Of the file system that was asked about. */
  readonly diskBytes: number;
  readonly diskAvailableBytes: number;
  /** How many processes and threads there are, and may be; nothing where that is not told. */
  readonly tasks?: number;
  readonly tasksMax?: number;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

export function thisMachine(): Machine {
  const limit = process.constrainedMemory();
  const total = os.totalmem();
  return {
    hostname: os.hostname(),
    machineId: textIn("/etc/machine-id"),
    bootId: textIn("/proc/sys/kernel/random/boot_id"),
    kernel: os.release(),
    osImage: osImage(),
    os: process.platform,
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    cores: os.availableParallelism(),
    memoryBytes: limit > 0 && limit < total ? limit : total,
    address: ownAddress(),
  };
}

/** `path` says which file system counts. */
export function loadOf(path: string): Load {
  const { blocks, bavail, bsize } = statfsSync(path);
  const [, tasks] = / \d+\/(\d+) /.exec(textIn("/proc/loadavg")) ?? [];
  const tasksMax = textIn("/proc/sys/kernel/threads-max");
  return {
    memoryAvailableBytes: Math.min(os.freemem(), process.availableMemory()),
    diskBytes: blocks * bsize,
    diskAvailableBytes: bavail * bsize,
    ...(tasks !== undefined && tasksMax !== "" && { tasks: Number(tasks), tasksMax: +tasksMax }),
  };
}

/** Processor time that this machine has spent on work so far, in nanoseconds. */
export function busyNs(): number {
  const busyMs = os.cpus().map(({ times }) => times.user + times.nice + times.sys + times.irq);
  return busyMs.reduce((sum, ms) => sum + ms, 0) * 1e6;
}

function osImage(): string {
  const [, name] = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(textIn("/etc/os-release")) ?? [];
  return name ?? `${process.platform} ${os.release()}`;
}

function ownAddress(): string {
  const all = Object.values(os.networkInterfaces()).flatMap((it) => it ?? []);
  return all.find((it) => !it.internal && it.family === "IPv4")?.address ?? "127.0.0.1";
}

/** Empty where there is no such file. */
function textIn(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
