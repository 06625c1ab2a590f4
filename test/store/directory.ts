import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that goes with the test. */
export class Directory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "varve-store-"));

  /** Of a store in it. */
  readonly store = join(this.path, "store.db");

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** A small file system of its own, in memory. */
export class SmallDisk implements Disposable {
  readonly #parent = new Directory();
  readonly path = join(this.#parent.path, "disk");

  constructor(bytes: number) {
    mkdirSync(this.path);
    mount("-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", this.path);
  }

  forbidWriting(): void {
    mount("-o", "remount,ro", this.path);
  }

  [Symbol.dispose](): void {
    execFileSync("umount", [this.path]);
    this.#parent[Symbol.dispose]();
  }
}

/** Makes a directory and what is in it unwritable, as long as we are not root, whom none binds. */
export function forbidWriting(path: string, files: readonly string[]): Disposable {
  for (const file of files) chmodSync(file, 0o444);
  chmodSync(path, 0o555);
  return {
    [Symbol.dispose]() {
      chmodSync(path, 0o755);
    },
  };
}

export const isRoot = process.getuid?.() === 0;

/** Why there can be no `SmallDisk` here; nothing when there can. */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== "linux") return "it takes Linux to mount a small file system";
  if (!isRoot) return "it takes root to mount a small file system";
  try {
    new SmallDisk(64 * 1024)[Symbol.dispose]();
    return undefined;
  } catch (thrown) {
    return `no file system may be mounted here: ${String(thrown)}`;
  }
}

function mount(...args: readonly string[]): void {
  execFileSync("mount", args, { stdio: ["ignore", "ignore", "pipe"] });
}
