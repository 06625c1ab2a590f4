import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { isReason, type Reason } from "../../src/api/error.ts";
import { silentLog } from "../../src/base/log.ts";
import { type DiskStoreOptions, openDiskStore } from "../../src/store/disk.ts";
import { configMap } from "../../src/store/store.suite.ts";
import { Directory } from "./directory.ts";

interface Spoilt {
  readonly title: string;
  /** What happened to a store of a hundred resources, closed in good order. */
  spoil(path: string): void;
  readonly reason: Reason;
  readonly message: RegExp;
  readonly options?: Partial<DiskStoreOptions>;
}

const CASES: readonly Spoilt[] = [
  {
    title: "a file that is no database",
    spoil: (path) => writeFileSync(path, "shopping: milk, bread, and a good deal of patience\n"),
    reason: "InternalError",
    message:
      /the file is no Varve store, or damaged; choose another path, or restore a backup by "varve/,
  },
  {
    title: "a database of somebody else",
    spoil: (path) => sql(path, "PRAGMA application_id = 7"),
    reason: "InternalError",
    message: /it is a SQLite database, but no Varve store; choose another path/,
  },
  {
    title: "a store of a newer Varve",
    spoil: (path) => sql(path, "PRAGMA user_version = 9"),
    reason: "InternalError",
    message: /a newer Varve wrote it, in format 9, and this one knows formats up to 1; start that/,
  },
  {
    title: "an empty file",
    spoil: (path) => truncateSync(path),
    reason: "InternalError",
    message:
      /the file is empty, which no store is; restore a backup by .*, or remove it to begin anew/,
  },
  {
    title: "an empty file with a -wal beside it",
    spoil(path) {
      truncateSync(path);
      writeFileSync(`${path}-wal`, "writes");
    },
    reason: "InternalError",
    message: /the file is empty, but there is ".*-wal", which holds its newest writes; put the/,
  },
  {
    title: "a -wal without its file",
    spoil(path) {
      writeFileSync(`${path}-wal`, "writes");
      rmSync(path);
    },
    reason: "InternalError",
    message: /the file is missing, but there is ".*-wal", which holds its newest writes; put the/,
  },
  {
    title: "a missing file where one must be",
    spoil: (path) => rmSync(path),
    options: { mustExist: true },
    reason: "NotFound",
    message: /there is no such file/,
  },
  {
    title: "a directory",
    spoil(path) {
      rmSync(path);
      mkdirSync(path);
    },
    reason: "InternalError",
    message: /it is no file/,
  },
  {
    title: "a truncated file",
    spoil: (path) => truncateSync(path, 3 * 8192),
    reason: "InternalError",
    message: /the file is damaged; restore a backup by "varve restore BACKUP --replace"/,
  },
  {
    title: "a file with a page of zeros",
    spoil: (path) => overwrite(path, { at: 4 * 8192, bytes: Buffer.alloc(8192) }),
    reason: "InternalError",
    message: /the file is damaged; restore a backup by "varve restore BACKUP --replace"/,
  },
  {
    title: "a file with a flipped bit",
    spoil(path) {
      const at = readFileSync(path).indexOf("value of c70");
      overwrite(path, { at, bytes: Buffer.from("V") });
    },
    reason: "InternalError",
    message: /revision 71 of "ConfigMap\/default\/c70" does not match its checksum; restore a/,
  },
  {
    title: "a store without its log",
    spoil: (path) => sql(path, "DROP TABLE log"),
    reason: "InternalError",
    message: /the file is damaged; restore a .* \(no such table: log\)/,
  },
  {
    title: "a store without its state",
    spoil: (path) => sql(path, "DELETE FROM state"),
    reason: "InternalError",
    message: /the table "state" is empty; restore a backup by/,
  },
  {
    title: "a store that lost a row",
    spoil: (path) => sql(path, "DELETE FROM log WHERE revision = 42"),
    reason: "InternalError",
    message: /revision 42 is missing; restore a backup by/,
  },
  {
    title: "a store that lost its first row",
    spoil: (path) => sql(path, "DELETE FROM log WHERE revision = 1"),
    reason: "InternalError",
    message: /revision 1 is missing; restore a backup by/,
  },
];

for (const { title, spoil, reason, message, options } of CASES) {
  test(`${title} is refused by name, and left as it is`, async () => {
    using directory = new Directory();
    const path = directory.store;
    await makeStore(path);
    spoil(path);
    const before = contentsOf(path);
    await assert.rejects(openDiskStore({ path, log: silentLog, ...options }), (thrown) => {
      assert(isReason(thrown, reason), String(thrown));
      assert(thrown.message.includes(`the store "${path}"`), thrown.message);
      assert.match(thrown.message, message);
      return true;
    });
    assert.deepEqual(contentsOf(path), before);
  });
}

test("a store cannot be made where there is no directory", async () => {
  using directory = new Directory();
  const path = `${directory.path}/none/store.db`;
  await assert.rejects(openDiskStore({ path, log: silentLog }), (thrown) => {
    assert(isReason(thrown, "Forbidden"));
    assert.match(thrown.message, /^Cannot open the store ".*": it cannot be written; the file and/);
    return true;
  });
});

async function makeStore(path: string): Promise<void> {
  await using store = await openDiskStore({ path, log: silentLog });
  const writing = Array.from({ length: 100 }, (_, n) => {
    const text = `value of c${n} ${"x".repeat(500)}`;
    return store.put(configMap(`c${n}`, { text }), { expected: "absent" });
  });
  await Promise.all(writing);
}

/** What is there under the path and that of its -wal. */
function contentsOf(path: string): readonly unknown[] {
  return [path, `${path}-wal`].map((it) => {
    if (!existsSync(it)) return "nothing";
    const read = () => readFileSync(it);
    return existsSync(`${it}/.`) ? "a directory" : read();
  });
}

function sql(path: string, statement: string): void {
  const database = new DatabaseSync(path);
  database.exec(statement);
  database.close();
}

function overwrite(path: string, { at, bytes }: { at: number; bytes: Buffer }): void {
  const contents = readFileSync(path);
  assert(at > 0 && at + bytes.length <= contents.length);
  bytes.copy(contents, at);
  writeFileSync(path, contents);
}
