import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Row } from "./log_file.ts";
import { openLogFile } from "./open_log_file.ts";
import { isLocked } from "./sqlite_error.ts";

/**
 * A restored store goes on counting this far after the backup: clients know versions that were
 * given after it, and none of those may ever mean something else.
 */
const REVISIONS_APART = 1_000_000_000;

export interface Restoring {
  /** When the backup was made. */
  readonly revision: number;
  readonly pages: AsyncIterable<readonly Row[]>;
}

/**
 * Makes a store in a new file from the rows of a snapshot. All before is forgotten in it: those
 * who watched the old one are told to list anew. Once this resolves it would outlive a power cut.
 */
export async function restoreStore(path: string, { revision, pages }: Restoring): Promise<void> {
  using file = openLogFile(path);
  for await (const page of pages) {
    file.append(page);
    await turn();
  }
  file.beginAfter(revision + REVISIONS_APART);
}

/** Whether another process has the store in this file open. */
export function isStoreOpen(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  const url = pathToFileURL(path);
  url.searchParams.set("mode", "ro");
  const database = new DatabaseSync(url, { readOnly: true });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA user_version;");
    return false;
  } catch (thrown) {
    // Whatever else is wrong with it, nobody else has it.
    return isLocked(thrown);
  } finally {
    database.close();
  }
}
