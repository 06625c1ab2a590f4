import { existsSync } from "node:fs";
import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** The places of a home. Nothing is written outside of it. */
export interface Home {
  readonly path: string;
  readonly store: string;
  readonly images: string;
  readonly builds: string;
  readonly runtime: string;
  readonly gateway: string;
  readonly pki: string;
  readonly audit: string;
  readonly kubeconfig: string;
  readonly endpoints: string;
}

export function homeAt(path: string): Home {
  const at = (name: string) => join(path, name);
  return {
    path,
    store: at("store.db"),
    images: at("images"),
    builds: at("builds"),
    runtime: at("runtime"),
    gateway: at("gateway"),
    pki: at("pki"),
    audit: at("audit"),
    kubeconfig: at("kubeconfig"),
    endpoints: at("endpoints.json"),
  };
}

/**
 * Makes the directory, where others may pass but not look: instances can have users of their own,
 * and their files are in it. One that is there keeps its mode, which may be somebody's wish. What
 * only this server reads is its owner's alone. Throws an `Error` that names the home when it cannot
 * be.
 */
export async function makeHome(home: Home): Promise<void> {
  const { path, pki, images, builds } = home;
  try {
    const made = await mkdir(path, { recursive: true });
    if (made !== undefined) await chmod(path, 0o711);
    for (const own of [pki, join(pki, "hosts"), images, builds]) {
      await mkdir(own, { recursive: true, mode: 0o700 });
      await closeToOthers(own);
    }
    for (const file of [home.store, `${home.store}-wal`])
      if (existsSync(file)) await closeToOthers(file);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const way = "choose another with --home, or make it writable";
    throw new Error(`Cannot use the home "${path}": ${why}; ${way}`, { cause: thrown });
  }
}

/** What an earlier version has made had the mode that all have by default. */
async function closeToOthers(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) await chmod(path, mode & 0o700);
}

/** A note that a restore was begun here. While it stands, what is in the home may be a part. */
export function restoreNoteIn({ path }: Home): string {
  return join(path, "restoring.note");
}

/** Throws an `Error` when a restore was begun in this home, and has not ended. */
export function checkRestored(home: Home): void {
  if (!existsSync(restoreNoteIn(home))) return;
  const way = 'run "varve restore BACKUP --replace" again, to its end';
  throw new Error(`Cannot use the home "${home.path}": a restore was begun, and not ended; ${way}`);
}
