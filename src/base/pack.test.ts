import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ArchiveError, readTar } from "./archive.ts";
import { listTree } from "./file_tree.ts";
import { packDirectory } from "./pack.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-pack-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const LONG = `${"d".repeat(120)}/${"n".repeat(150)}.txt`;

test("the same tree gives the same bytes, whatever its times, modes and order", async () => {
  const paths = ["b/z", "a-b", "a/b", "ü", LONG, "a/empty"];
  make("one", paths);
  make("two", paths.toReversed());
  for (const path of paths) utimesSync(join(directory, "two", path), 1e9, 1e9);
  chmodSync(join(directory, "two/a-b"), 0o600);
  chmodSync(join(directory, "two/a"), 0o700);
  linkSync(join(directory, "two/b/z"), join(directory, "elsewhere"));
  assert.equal(await digestOf("two"), await digestOf("one"));
});

test("what an upload weighs does not change between releases: its bytes are pinned", async () => {
  make("one", ["b/z", "a-b", "a/b", "ü", LONG]);
  chmodSync(join(directory, "one/a-b"), 0o755);
  symlinkSync("../a-b", join(directory, "one/b/link"));
  const pinned = "e4fcba6d3dbe42fed3ac586eb332f02a";
  assert.equal((await digestOf("one")).slice(0, 32), pinned);
});

test("entries stand in the order of their bytes, modes normal, links as they are", async () => {
  make("one", ["a/b", "a-b", "run.sh", "ü", LONG]);
  chmodSync(join(directory, "one/run.sh"), 0o711);
  symlinkSync("../nowhere", join(directory, "one/a/link"));
  const seen: string[] = [];
  for await (const entry of readTar(packDirectory(join(directory, "one"), { under: "app" }))) {
    const { path, type, mode, bytes, target } = entry;
    seen.push(`${type} ${mode.toString(8)} ${path} ${bytes}${target === "" ? "" : ` ${target}`}`);
  }
  assert.deepEqual(seen, [
    "directory 755 app/ 0",
    "directory 755 app/a/ 0",
    "file 644 app/a-b 3",
    "file 644 app/a/b 3",
    "symlink 755 app/a/link 0 ../nowhere",
    `directory 755 app/${dirname(LONG)}/ 0`,
    `file 644 app/${LONG} ${LONG.length}`,
    "file 755 app/run.sh 6",
    "file 644 app/ü 2",
  ]);
});

test("what tar on this machine reads of it is what was packed", async () => {
  make("one", ["a/b", "ü", LONG]);
  const chunks = await Array.fromAsync(packDirectory(join(directory, "one")));
  writeFileSync(join(directory, "one.tar"), Buffer.concat(chunks));
  mkdirSync(join(directory, "two"));
  execFileSync("tar", ["xf", "one.tar", "-C", "two"], { cwd: directory });
  assert.equal(await digestOf("two"), await digestOf("one"));
});

test("what is neither file, directory nor link is refused by its path", async () => {
  make("one", ["a/b"]);
  const path = join(directory, "one/a/socket");
  using server = { socket: createServer(), [Symbol.dispose]: () => server.socket.close() };
  await new Promise<void>((resolve) => server.socket.listen(path, resolve));
  await assert.rejects(
    digestOf("one"),
    new ArchiveError(
      "Unsupported",
      'Cannot pack "a/socket": it is neither a file, a directory nor a link',
    ),
  );
});

test("a tree over a limit is refused, and the message says how to get under it", async () => {
  make("one", ["a/b", "c"]);
  const how = "leave out what is not needed, by .gitignore or .varveignore";
  await assert.rejects(listTree(join(directory, "one"), { bytesMax: 3 }), {
    reason: "TooLarge",
    message: `Cannot pack "c": with it there are over 3 bytes; ${how}`,
  });
  await assert.rejects(listTree(join(directory, "one"), { entriesMax: 2 }), {
    reason: "TooLarge",
    message: `Cannot pack "c": with it there are over 2 files and directories; ${how}`,
  });
});

/** Files that hold their own paths. */
function make(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    const at = join(directory, root, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, path);
  }
}

async function digestOf(root: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of packDirectory(join(directory, root))) hash.update(chunk);
  return hash.digest("hex");
}
