import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BACKUP_HEAD, type BackupHead, readBackupHead } from "../api/backup.ts";
import { type ArchiveEntry, ArchiveError } from "../base/archive.ts";
import { isMissing, replaceFile, syncDirectory, syncTree } from "../base/durable_file.ts";
import { silentLog } from "../base/log.ts";
import { SafeTree } from "../base/safe_tree.ts";
import { unsealArchive } from "../base/sealed_archive.ts";
import { openDiskStore } from "../store/disk.ts";
import type { Row } from "../store/log_file.ts";
import { isStoreOpen, restoreStore } from "../store/restore.ts";
import { linesOf, STORE_IN_BACKUP } from "./backup.ts";
import { type Home, restoreNoteIn } from "./home.ts";

/** What else of a home may be in a backup. */
const KNOWN = /^(images|builds|pki)\/|^secrets\.key$/;
const SECRET = /^(pki|secrets\.key)(\/|$)/;
const LIMITS = { bytesMax: 2 ** 50, entriesMax: 10_000_000, pathBytesMax: 1024 };

/** Where to put it, and where what was there before. */
export interface RestoreHomeOptions {
  readonly home: Home;
  readonly head: BackupHead;
  /** A directory that is made when there is something to keep. */
  readonly aside: string;
}

/** Reads all of a backup, and throws when it is not whole. */
export async function readBackup(path: string): Promise<BackupHead> {
  let head: BackupHead | undefined;
  for await (const entry of unsealArchive(createReadStream(path))) {
    if (entry.path === BACKUP_HEAD) head = readBackupHead(await textOf(entry));
    if (head === undefined) break;
  }
  if (head !== undefined) return head;
  throw new ArchiveError("Unsupported", `it is no backup of Varve: it has no ${BACKUP_HEAD}`);
}

/**
 * Puts a backup that was read into a home that nobody uses. All of it is laid out beside the
 * home's own and compared with the backup before anything is replaced, and what is replaced is
 * kept. Until it is done a note stands in the home, so that no server starts on a part of it.
 * Answers whether anything was there before.
 */
export async function restoreHome(path: string, options: RestoreHomeOptions): Promise<boolean> {
  const { home, head, aside } = options;
  const draft = join(home.path, "restoring");
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await layOut(path, draft, head);
  await syncTree(draft);
  const note = restoreNoteIn(home);
  await replaceFile(note, `${path}\n`);
  // From here on no server starts; and one that did before is seen by its lock.
  if (isStoreOpen(home.store)) {
    await rm(note);
    throw new Error("a server has started meanwhile");
  }
  const wasThere = await moveAside(home, aside, head);
  await moveIn(draft, home.path);
  await syncTree(home.path);
  await rm(draft, { recursive: true });
  await rm(note);
  await syncDirectory(home.path);
  return wasThere;
}

async function layOut(path: string, draft: string, head: BackupHead): Promise<void> {
  const store = join(draft, "store.db");
  const hash = createHash("sha256");
  const tree = new SafeTree({ root: draft, limits: LIMITS, links: "refuse" });
  async function* pages(): AsyncGenerator<readonly Row[]> {
    for await (const entry of unsealArchive(createReadStream(path))) {
      if (entry.path.startsWith(STORE_IN_BACKUP)) {
        const text = await textOf(entry);
        hash.update(text);
        yield rowsIn(text);
      } else if (KNOWN.test(entry.path)) await lay(entry, tree, draft);
    }
  }
  await restoreStore(store, { revision: head.revision, pages: pages() });
  const restored = await digestOf(store);
  if (restored.sum === hash.digest("hex") && restored.resources === head.resources) return;
  throw new Error("what was written is not what is in the backup: the disk may be failing");
}

async function lay(entry: ArchiveEntry, tree: SafeTree, draft: string): Promise<void> {
  await tree.put(entry);
  if (!SECRET.test(entry.path)) return;
  await chmod(join(draft, entry.path), 0o600);
}

function rowsIn(text: string): readonly Row[] {
  const lines = text.split("\n").filter((line) => line !== "");
  // The checksum of the archive has shown, or will, that it is what was written as one.
  return lines.map((line): Row => JSON.parse(line));
}

/** Of what can be read of a store, row by row, as it was in the backup. */
async function digestOf(path: string): Promise<{ sum: string; resources: number }> {
  await using store = await openDiskStore({ path, log: silentLog, mustExist: true });
  using snapshot = store.snapshot();
  const hash = createHash("sha256");
  for (const page of snapshot.pages()) hash.update(linesOf(page));
  return { sum: hash.digest("hex"), resources: snapshot.resources };
}

/** What the backup brings, and its own would otherwise be mixed with. */
async function moveAside(home: Home, aside: string, head: BackupHead): Promise<boolean> {
  const images = head.images ? ["images/index.json"] : [];
  const keys = head.keys ? ["pki", "secrets.key"] : [];
  let wasThere = false;
  for (const name of ["store.db-wal", "store.db", ...images, ...keys]) {
    const from = join(home.path, name);
    if (!(await isThere(from))) continue;
    const to = join(aside, name);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await rename(from, to);
    wasThere = true;
  }
  return wasThere;
}

/** Images are named by what they hold: of those, both sides are kept. */
async function moveIn(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory() && (await isThere(target))) await moveIn(source, target);
    else await rename(source, target);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw thrown;
  }
}

async function textOf({ content }: ArchiveEntry): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
