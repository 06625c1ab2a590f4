import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { ApiError } from "../api/error.ts";
import { isInDoubt, RESTORE, writeRefusal } from "./sqlite_error.ts";

/**
 * The file is a SQLite database in WAL mode, so the newest writes are in the `-wal` beside it.
 *
 *   application_id = "VARV"   user_version = 1, the format
 *
 *   log   revision   1, 2, 3, …: no gap after state.compacted
 *         previous   the revision that the key was last put at; 0 when nothing was there
 *         checksum   of the other four
 *         key        such as ConfigMap/default/hello
 *         body       the resource as JSON, or NULL for a deletion
 *   state compacted  the last revision that was forgotten; of what is up to it, only the newest
 *                    row of each key is needed
 *         swept      how far the others are really gone, for that takes a while
 *         mended     counts transactions that were written over the remains of failed ones
 */
export const SCHEMA = `
  CREATE TABLE log (
    revision INTEGER PRIMARY KEY,
    previous INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    key TEXT NOT NULL,
    body TEXT
  ) STRICT;
  CREATE TABLE state (
    compacted INTEGER NOT NULL,
    swept INTEGER NOT NULL,
    mended INTEGER NOT NULL
  ) STRICT;
  INSERT INTO state VALUES (0, 0, 0);
`;
export const APPLICATION_ID = 0x56415256;
export const FORMAT = 1;

/** One write, as it is in the file. */
export interface Row {
  readonly revision: number;
  readonly previous: number;
  readonly key: string;
  /** Nothing for a deletion. */
  readonly body: string | undefined;
}

export interface State {
  readonly compacted: number;
  readonly swept: number;
}

/** How many revisions one transaction of a sweep looks at: some milliseconds of work. */
const SWEEP_MAX = 128;
/** How many rows are read at a time, so that no statement is open while others work. */
const PAGE_ROWS = 256;
const LOAD_ROWS = 32;

/** The log in its file: rows are only added at its end, and forgotten from its beginning. */
export class LogFile implements Disposable {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    this.#statements = prepare(database);
  }

  /** What was forgotten, and how much of that is really gone. */
  state(): State {
    const raw = this.#statements.state.get();
    if (raw === undefined) throw this.damaged('the table "state" is empty');
    return { compacted: Number(raw["compacted"]), swept: Number(raw["swept"]) };
  }

  /** All rows, newest first. Throws when one is damaged. Nothing may be written meanwhile. */
  *newestFirst(): Iterable<Row> {
    const { newestFirst } = this.#statements;
    // By pages, for a row at a time takes twice as long; short ones, for all of it is in memory.
    for (let before = Number.MAX_SAFE_INTEGER; ; ) {
      const page = newestFirst.all(before, LOAD_ROWS) as unknown as SQLOutputValue[][];
      for (const [revision, previous, checksum, key, body] of page) {
        yield this.#checked({ revision, previous, checksum, key, body });
      }
      if (page.length < LOAD_ROWS) return;
      before = Number(page.at(-1)?.[0]);
    }
  }

  /** The rows after revision `after` up to and with `last`, oldest first. */
  *between(after: number, last: number): Iterable<Row> {
    for (let from = after; from < last; ) {
      const page = this.#statements.between.all(from, last, PAGE_ROWS);
      // Rows are contiguous where they are asked for: fewer of them is damage, not an end.
      const wanted = Math.min(PAGE_ROWS, last - from);
      if (page.length !== wanted) throw this.damaged(`${wanted - page.length} rows are missing`);
      for (const raw of page) yield this.#checked(raw);
      from += wanted;
    }
  }

  /** Some of the rows after revision `after` up to `last`, oldest first, whatever is missing. */
  page(after: number, last: number): readonly Row[] {
    return this.#statements.between.all(after, last, PAGE_ROWS).map((raw) => this.#checked(raw));
  }

  at(revision: number): Row {
    const raw = this.#statements.at.get(revision);
    if (raw === undefined) throw this.damaged(`revision ${revision} is missing`);
    return this.#checked(raw);
  }

  /** Adds rows, all or none. When it returns they would survive a power cut. */
  append(rows: readonly Row[]): void {
    const { insert } = this.#statements;
    this.#transact(() => {
      for (const row of rows) {
        const { revision, previous, key, body = null } = row;
        insert.run(revision, previous, checksumOf(row), key, body);
      }
    });
  }

  /** Puts other bodies in the place of those of rows, all or none, and leaves no trace of them. */
  rewrite(rows: readonly Row[]): void {
    if (rows.length === 0) return;
    const { rewrite } = this.#statements;
    this.#database.exec("PRAGMA secure_delete = ON");
    this.#transact(() => {
      for (const row of rows) rewrite.run(checksumOf(row), row.body ?? null, row.revision);
    });
    this.#database.exec("PRAGMA secure_delete = OFF");
  }

  /** Brings all into the file itself; `isScrubbed` also clears its free pages. */
  settle({ isScrubbed }: { readonly isScrubbed: boolean }): void {
    if (isScrubbed) this.#database.exec("VACUUM");
    this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** Notes durably that what is up to `revision` is forgotten. `sweep` then makes it so. */
  forget(revision: number): void {
    this.#transact(() => this.#statements.compact.run(revision));
  }

  /** Lets the log go on after `revision`, with all before it forgotten, and nothing to sweep. */
  beginAfter(revision: number): void {
    this.#transact(() => {
      this.#statements.compact.run(revision);
      this.#statements.sweep.run(revision);
    });
  }

  /** Removes some of what was forgotten. Says whether there is more. */
  sweep(): boolean {
    const { superseded, tombstones, sweep } = this.#statements;
    const { compacted, swept } = this.state();
    const last = Math.min(swept + SWEEP_MAX, compacted);
    if (swept >= last) return false;
    this.#transact(() => {
      superseded.run(swept, last);
      tombstones.run(swept, last);
      sweep.run(last);
    });
    return last < compacted;
  }

  /** What to throw when the file is not what was written. */
  damaged(what: string): ApiError {
    const message = `the store "${this.#path}" is damaged: ${what}; ${RESTORE}`;
    return new ApiError("InternalError", message);
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #transact(act: () => void): void {
    const { begin, commit } = this.#statements;
    try {
      begin.run();
      act();
      commit.run();
    } catch (thrown) {
      this.#undo(thrown);
      throw writeRefusal(this.#path, thrown);
    }
  }

  #undo(thrown: unknown): void {
    const { begin, mend, commit, rollback } = this.#statements;
    // Some failures end the transaction by themselves.
    if (this.#database.isTransaction) rollback.run();
    if (!isInDoubt(thrown)) return;
    // When only the sync failed, the whole transaction may stand in the -wal, and would be taken
    // for committed after a crash. The next one is written over it: so let there be one now.
    try {
      begin.run();
      mend.run();
      commit.run();
    } catch {
      // Then the next write that succeeds does it. Until then the outcome is open to a crash.
      if (this.#database.isTransaction) rollback.run();
    }
  }

  #checked(raw: Readonly<Record<string, SQLOutputValue | undefined>>): Row {
    const { revision, previous, checksum, key, body } = raw;
    const row: Row = {
      revision: Number(revision),
      previous: Number(previous),
      key: String(key),
      body: typeof body === "string" ? body : undefined,
    };
    if (checksumOf(row) !== checksum) {
      throw this.damaged(`revision ${row.revision} of "${row.key}" does not match its checksum`);
    }
    return row;
  }
}

function checksumOf({ revision, previous, key, body }: Row): number {
  const head = crc32(`${revision} ${previous} ${key}`);
  return body === undefined ? head : crc32(body, head);
}

/** Half the time of objects with names, where there are many rows. */
function asArrays(statement: StatementSync): StatementSync {
  statement.setReturnArrays(true);
  return statement;
}

type Statements = ReturnType<typeof prepare>;

function prepare(database: DatabaseSync) {
  const columns = "revision, previous, checksum, key, body";
  const statement = (sql: string): StatementSync => database.prepare(sql);
  return {
    begin: statement("BEGIN IMMEDIATE"),
    commit: statement("COMMIT"),
    rollback: statement("ROLLBACK"),
    state: statement("SELECT compacted, swept FROM state"),
    newestFirst: asArrays(
      statement(`SELECT ${columns} FROM log WHERE revision < ? ORDER BY revision DESC LIMIT ?`),
    ),
    between: statement(
      `SELECT ${columns} FROM log WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?`,
    ),
    at: statement(`SELECT ${columns} FROM log WHERE revision = ?`),
    insert: statement(`INSERT INTO log (${columns}) VALUES (?, ?, ?, ?, ?)`),
    rewrite: statement("UPDATE log SET checksum = ?, body = ? WHERE revision = ?"),
    compact: statement("UPDATE state SET compacted = ?"),
    sweep: statement("UPDATE state SET swept = ?"),
    mend: statement("UPDATE state SET mended = mended + 1"),
    superseded: statement(
      "DELETE FROM log WHERE revision IN " +
        "(SELECT previous FROM log WHERE revision > ? AND revision <= ?)",
    ),
    tombstones: statement("DELETE FROM log WHERE revision > ? AND revision <= ? AND body IS NULL"),
  };
}
