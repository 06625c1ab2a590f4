import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { APPLICATION_ID, FORMAT, LogFile, SCHEMA } from "./log_file.ts";
import { cannotOpen, openRefusal, RESTORE } from "./sqlite_error.ts";
import { walDamage } from "./wal_check.ts";

export interface LogFileOptions {
  /** A missing file is an error, not a new store. */
  readonly mustExist?: boolean;
  /** The file grows no larger than this, its -wal aside; writes are then refused. */
  readonly bytesMax?: number;
}

/** Rows of a few kilobytes then mostly stay in one piece. */
const PAGE_BYTES = 8192;

/**
 * Opens the log at an absolute path, alone: it stays locked until it is closed. Makes a new one
 * when there is none. Throws an `ApiError` that names the path and says what to do.
 *
 * Nothing here may open the file but SQLite: its lock is the process's, and would be lost when
 * any other descriptor of the file is closed.
 */
export function openLogFile(path: string, options: LogFileOptions = {}): LogFile {
  try {
    if (isToBeMade(path, options)) make(path);
    else checkWal(`${path}-wal`);
    return open(path, options);
  } catch (thrown) {
    throw openRefusal(path, thrown);
  }
}

/** A store is never empty, and what is lost must not begin anew in silence: so look closely. */
function isToBeMade(path: string, { mustExist = false }: LogFileOptions): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  const reason = "InternalError";
  if (file?.isFile() === false) throw cannotOpen(path, { reason, why: "it is no file" });
  if (file !== undefined && file.size > 0) return false;
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false });
  const is = file === undefined ? "missing" : "empty";
  if (wal !== undefined && wal.size > 0) {
    const why =
      `the file is ${is}, but there is "${path}-wal", which holds its newest writes; ` +
      `put the file back, ${RESTORE}, or move both away to begin anew`;
    throw cannotOpen(path, { reason, why });
  }
  if (file !== undefined) {
    const why = `the file is empty, which no store is; ${RESTORE}, or remove it to begin anew`;
    throw cannotOpen(path, { reason, why });
  }
  if (mustExist) throw cannotOpen(path, { reason: "NotFound", why: "there is no such file" });
  return true;
}

/** What SQLite would drop in silence: once it has opened the file, it is too late to look. */
function checkWal(path: string): void {
  const damage = walDamage(path);
  if (damage === undefined) return;
  const { what, soundBytes } = damage;
  const way = `to go on without those, keep a copy and run: truncate -s ${soundBytes} "${path}"`;
  const why = `of "${path}", which holds its newest writes, ${what}; ${RESTORE}; or, ${way}`;
  throw cannotOpen(path.replace(/-wal$/, ""), { reason: "InternalError", why });
}

/** Makes the whole file aside and then gives it its name: so it is never there in part. */
function make(path: string): void {
  const draft = `${path}.${process.pid}.new`;
  removeAll(draft);
  try {
    const database = new DatabaseSync(draft);
    try {
      // SQLite would let everybody read it; what it makes beside it has the same mode.
      chmodSync(draft, 0o600);
      database.exec(`
        PRAGMA page_size = ${PAGE_BYTES};
        PRAGMA synchronous = EXTRA;
        PRAGMA fullfsync = ON;
        BEGIN IMMEDIATE;
        ${SCHEMA}
        PRAGMA application_id = ${APPLICATION_ID};
        PRAGMA user_version = ${FORMAT};
        COMMIT;
        PRAGMA journal_mode = WAL;
      `);
    } finally {
      database.close();
    }
    publish(draft, path);
    syncDirectory(dirname(path));
  } finally {
    removeAll(draft);
  }
}

/** Unless somebody else was faster: then theirs is the store. */
function publish(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "EEXIST") return;
    // Some file systems have no links.
    renameSync(draft, path);
  }
}

function removeAll(path: string): void {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

/** Makes the names in it survive a power cut. */
function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function open(path: string, { bytesMax }: LogFileOptions): LogFile {
  // SQLite would fail all the same, but of a lock, which explains nothing.
  accessSync(path, constants.R_OK | constants.W_OK);
  accessSync(dirname(path), constants.W_OK);
  const url = pathToFileURL(path);
  // It is there, so never make it: an empty one would be an answer to where it went.
  url.searchParams.set("mode", "rw");
  const database = new DatabaseSync(url, { defensive: true });
  try {
    // Exclusive before the first read: then the index of the -wal is in memory, not in a file.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON;");
    checkFormat(path, database);
    const mode = database.prepare("PRAGMA journal_mode = WAL").get();
    if (mode?.["journal_mode"] !== "wal") throw new Error("it cannot be brought into WAL mode");
    // NORMAL would not sync the -wal at each commit, and lose writes in a power cut.
    database.exec(`
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
      PRAGMA temp_store = MEMORY;
      PRAGMA trusted_schema = OFF;
      BEGIN IMMEDIATE;
      COMMIT;
    `);
    if (bytesMax !== undefined) limit(database, bytesMax);
    return new LogFile(path, database);
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

function checkFormat(path: string, database: DatabaseSync): void {
  const id = Number(database.prepare("PRAGMA application_id").get()?.["application_id"]);
  const format = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  const reason = "InternalError";
  if (id !== APPLICATION_ID) {
    const why = "it is a SQLite database, but no Varve store; choose another path";
    throw cannotOpen(path, { reason, why });
  }
  if (format > FORMAT) {
    const why =
      `a newer Varve wrote it, in format ${format}, and this one knows formats up to ${FORMAT}; ` +
      `start that version, or ${RESTORE} that is from before the upgrade`;
    throw cannotOpen(path, { reason, why });
  }
}

function limit(database: DatabaseSync, bytesMax: number): void {
  const bytes = Number(database.prepare("PRAGMA page_size").get()?.["page_size"]);
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(bytesMax / bytes))}`);
}
