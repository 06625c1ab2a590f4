import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { BACKUP_FORMAT, BACKUP_HEAD, type BackupHead } from "../api/backup.ts";
import type { Clock } from "../base/clock.ts";
import { isMissing } from "../base/durable_file.ts";
import { type SealedFile, sealArchive } from "../base/sealed_archive.ts";
import type { BackupScope, Backups } from "../server/backup_routes.ts";
import type { DiskStore } from "../store/disk.ts";
import type { Row } from "../store/log_file.ts";
import type { Home } from "./home.ts";
import { VERSION } from "./version.ts";

/** Below here in a backup are the rows of the store: a line of JSON each, some in every file. */
export const STORE_IN_BACKUP = "store/";

/** What of a home is images: names before what they name, so that none is without its image. */
const IMAGES = ["images/index.json", "images/oci-layout", "images/blobs", "builds/builds"];
/** What of a home is keys. */
const KEYS = ["pki", "secrets.key"];
/** Files up to here are read in one go, and so may change as they like. */
const SMALL_BYTES = 16 * 1024 * 1024;

export interface BackupDeps {
  readonly home: Home;
  readonly store: DiskStore;
  readonly clock: Clock;
}

/** Backups of this home, as of the moment that they are asked for. */
export function backupsOf(deps: BackupDeps): Backups {
  return { make: (scope) => sealArchive(filesOf(scope, deps)) };
}

async function* filesOf(scope: BackupScope, deps: BackupDeps): AsyncGenerator<SealedFile> {
  yield* storeFiles(scope, deps);
  const chosen = [...(scope.images ? IMAGES : []), ...(scope.keys ? KEYS : [])];
  for (const path of chosen) yield* filesBelow(path, deps.home);
}

async function* storeFiles(scope: BackupScope, deps: BackupDeps): AsyncGenerator<SealedFile> {
  using snapshot = deps.store.snapshot();
  const { revision, resources } = snapshot;
  const made = { format: BACKUP_FORMAT, version: VERSION, madeAt: deps.clock.timestamp() };
  const head: BackupHead = { ...made, revision, resources, ...scope };
  yield fileOf(BACKUP_HEAD, `${JSON.stringify(head, undefined, 2)}\n`);
  let count = 0;
  for (const page of snapshot.pages()) {
    count += 1;
    yield fileOf(`${STORE_IN_BACKUP}${String(count).padStart(6, "0")}.jsonl`, linesOf(page));
    await turn();
  }
}

/** How rows are written in a backup. */
export function linesOf(page: readonly Row[]): string {
  return page.map((row) => `${JSON.stringify(row)}\n`).join("");
}

async function* filesBelow(path: string, home: Home): AsyncGenerator<SealedFile> {
  const at = join(home.path, path);
  try {
    const found = await stat(at);
    if (found.isFile()) yield* fileAt(path, home);
    if (!found.isDirectory()) return;
    const names = await readdir(at);
    for (const name of names.sort()) yield* filesBelow(`${path}/${name}`, home);
  } catch (thrown) {
    // Whoever removed it meanwhile did not need it any more.
    if (!isMissing(thrown)) throw thrown;
  }
}

/** Opened before it is told of: who removes it after that takes nothing from us. */
async function* fileAt(path: string, home: Home): AsyncGenerator<SealedFile> {
  await using file = await open(join(home.path, path));
  const { size: bytes } = await file.stat();
  if (bytes > SMALL_BYTES) {
    yield { path, bytes, content: file.createReadStream({ autoClose: false }) };
  } else yield fileOf(path, await file.readFile());
}

function fileOf(path: string, text: string | Buffer): SealedFile {
  const content = typeof text === "string" ? Buffer.from(text) : text;
  return { path, bytes: content.length, content: content.length === 0 ? [] : [content] };
}
