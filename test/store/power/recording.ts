import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One thing that a program did to its disk, or said. */
export type Act =
  | { readonly type: "made"; readonly inode: bigint; readonly path: string }
  | {
      readonly type: "written";
      readonly inode: bigint;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  | { readonly type: "sized"; readonly inode: bigint; readonly size: number }
  | { readonly type: "synced"; readonly inode: bigint }
  | { readonly type: "renamed" | "linked"; readonly from: string; readonly to: string }
  | { readonly type: "removed"; readonly path: string }
  | { readonly type: "directory synced"; readonly path: string }
  | { readonly type: "said"; readonly text: string };

const SOURCE = fileURLToPath(new URL("recorder.c", import.meta.url));
const HEAD_BYTES = 25;

/** Why programs cannot be recorded here; nothing when they can. */
export function whyNoRecorder(): string | undefined {
  if (process.platform !== "linux") return "programs are recorded on Linux only";
  return spawnSync("gcc", ["--version"]).status === 0 ? undefined : "it takes gcc to record syncs";
}

/** Builds the recorder in a directory, and answers with its path. */
export function buildRecorder(directory: string): string {
  const library = join(directory, "recorder.so");
  const flags = ["-O2", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"];
  execFileSync("gcc", flags, { stdio: ["ignore", "ignore", "inherit"] });
  return library;
}

export interface Recorded {
  readonly recorder: string;
  /** What is recorded: files below it. */
  readonly directory: string;
  /** Where the record goes, outside of it. */
  readonly trace: string;
}

/** Runs a script of ours until it ends, and answers with all that it did, in order. */
export async function record(
  [script, ...args]: readonly [string, ...string[]],
  { recorder, directory, trace }: Recorded,
): Promise<readonly Act[]> {
  const env = {
    ...process.env,
    LD_PRELOAD: recorder,
    CUT_DIRECTORY: directory,
    CUT_TRACE: trace,
  };
  const stdio = ["ignore", "ignore", "inherit"] as const;
  const child = spawn(process.execPath, [script, ...args], { env, stdio: [...stdio] });
  const [code, signal] = await once(child, "exit");
  if (code !== 0) throw new Error(`${script} ended with ${code ?? signal}`);
  return [...actsIn(readFileSync(trace))];
}

function* actsIn(bytes: Buffer): Iterable<Act> {
  for (let at = 0; at < bytes.length; ) {
    const kind = String.fromCharCode(bytes.readUInt8(at));
    const inode = bytes.readBigUInt64LE(at + 1);
    const number = Number(bytes.readBigUInt64LE(at + 9));
    const middle = at + HEAD_BYTES + bytes.readUInt32LE(at + 17);
    const first = bytes.subarray(at + HEAD_BYTES, middle);
    const end = middle + bytes.readUInt32LE(at + 21);
    yield actOf(kind, { inode, number, first, second: bytes.toString("utf8", middle, end) });
    at = end;
  }
}

interface Raw {
  readonly inode: bigint;
  readonly number: number;
  readonly first: Buffer;
  readonly second: string;
}

function actOf(kind: string, { inode, number, first, second: to }: Raw): Act {
  const from = first.toString();
  switch (kind) {
    case "C":
      return { type: "made", inode, path: from };
    case "W":
      return { type: "written", inode, offset: number, bytes: first };
    case "T":
      return { type: "sized", inode, size: number };
    case "S":
      return { type: "synced", inode };
    case "R":
      return { type: "renamed", from, to };
    case "L":
      return { type: "linked", from, to };
    case "U":
      return { type: "removed", path: from };
    case "D":
      return { type: "directory synced", path: from };
    case "M":
      return { type: "said", text: from };
    default:
      throw new Error(`the record has an act "${kind}"`);
  }
}
