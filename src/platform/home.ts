import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
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

/** Makes the directory, for its owner alone. Throws an `Error` that names it when it cannot be. */
export async function makeHome({ path, pki }: Home): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await mkdir(pki, { recursive: true, mode: 0o700 });
    await mkdir(join(pki, "hosts"), { recursive: true, mode: 0o700 });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const way = "choose another with --home, or make it writable";
    throw new Error(`Cannot use the home "${path}": ${why}; ${way}`, { cause: thrown });
  }
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
