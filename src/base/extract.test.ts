import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  createReadStream,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Header, Pax } from "tar";
import type { ArchiveReason } from "./archive.ts";
import { type ExtractOptions, extractArchive } from "./extract.ts";
import { packDirectory } from "./pack.ts";

let directory = "";
let to = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-extract-"));
  to = join(directory, "to");
});
afterEach(() => rmSync(directory, { recursive: true }));

type Fields = ConstructorParameters<typeof Header>[0] & { readonly content?: string };

const PLAIN = [
  { path: "./bin/", type: "Directory", mode: 0o700 },
  { path: "./bin/run", type: "File", mode: 0o4755, content: "#!/bin/sh\n" },
  { path: "src/a.js", type: "File", mode: 0o600, content: "a".repeat(300_000) },
  { path: "src/empty", type: "File", mode: 0o644 },
  { path: "src/b.js", type: "Link", linkpath: "src/a.js" },
  { path: "current", type: "SymbolicLink", linkpath: "src/../bin" },
] as const;

const SEEN = [
  "755 bin",
  "755 bin/run 10",
  "current -> src/../bin",
  "755 src",
  "644 src/a.js 300000",
  "644 src/b.js 300000",
  "644 src/empty 0",
];

for (const { title, pressed } of [
  { title: "a tar", pressed: (tar: Buffer) => tar },
  { title: "a tar.gz", pressed: (tar: Buffer) => gzipSync(tar) },
  { title: "a tar.zst", pressed: (tar: Buffer) => zstdCompressSync(tar) },
]) {
  test(`${title} is extracted, from a file and from a stream in pieces`, async () => {
    const path = join(directory, "archive");
    writeFileSync(path, pressed(tarOf(PLAIN)));
    await extractArchive(path, to);
    assert.deepEqual(treeOf(to), SEEN);
    await extractArchive(createReadStream(path, { highWaterMark: 777 }), `${to}2`);
    assert.deepEqual(treeOf(`${to}2`), SEEN);
  });
}

test("a zip is extracted, from a file and from a stream, with modes and links", async (t) => {
  await extractArchive(streamOf(tarOf(PLAIN)), join(directory, "from"));
  rmSync(join(directory, "from/src/b.js"));
  try {
    execFileSync("zip", ["-qry", "../a.zip", "."], { cwd: join(directory, "from") });
  } catch {
    return t.skip("there is no zip on the PATH");
  }
  const expected = SEEN.filter((line) => !line.includes("b.js"));
  await extractArchive(join(directory, "a.zip"), to);
  assert.deepEqual(treeOf(to), expected);
  await extractArchive(createReadStream(join(directory, "a.zip")), `${to}2`);
  assert.deepEqual(treeOf(`${to}2`), expected);
  assert.deepEqual(readdirSync(directory).toSorted(), ["a.zip", "from", "to", "to2"]);

  const bytes = readFileSync(join(directory, "a.zip"));
  const at = bytes.indexOf("#!/bin/sh");
  bytes.write("X", at);
  await refused(bytes, { reason: "Damaged", message: /the checksum of "bin\/run" is wrong/ });
});

test("what we pack is what we extract", async () => {
  await extractArchive(streamOf(tarOf(PLAIN)), join(directory, "from"));
  await extractArchive(packDirectory(join(directory, "from")), to);
  assert.deepEqual(treeOf(to), SEEN);
});

test("a single directory at the top is stripped when asked for, and only then", async () => {
  const single = tarOf([
    { path: "app-1/", type: "Directory" },
    { path: "app-1/app-1/x", type: "File", content: "x" },
  ]);
  await extractArchive(streamOf(single), to, { stripsSingleDirectory: true });
  assert.deepEqual(treeOf(to), ["755 app-1", "644 app-1/x 1"]);
  await extractArchive(streamOf(single), `${to}2`);
  assert.deepEqual(treeOf(`${to}2`), ["755 app-1", "755 app-1/app-1", "644 app-1/app-1/x 1"]);
  await extractArchive(streamOf(tarOf(PLAIN)), `${to}3`, { stripsSingleDirectory: true });
  assert.deepEqual(treeOf(`${to}3`), SEEN);
});

const link = (path: string, linkpath: string) =>
  ({ path, type: "SymbolicLink", linkpath }) as const;
const file = (path: string, content = "evil") => ({ path, type: "File", content }) as const;

for (const { title, entries, reason, message } of [
  { title: "a path with ..", entries: [file("a/../../x")], reason: "Unsafe" },
  { title: "an absolute path", entries: [file("/tmp/varve-evil")], reason: "Unsafe" },
  {
    title: "a file behind a link",
    entries: [link("out", "."), file("out/x")],
    reason: "Unsafe",
    message: 'the entry "out/x" is behind the link "out"',
  },
  {
    title: "a link to outside",
    entries: [link("a/out", "../../x")],
    reason: "Unsafe",
    message: 'the link "a/out" points to "../../x", outside of the archive',
  },
  { title: "an absolute link", entries: [link("out", "/etc/passwd")], reason: "Unsafe" },
  { title: "an absolute link to nothing", entries: [link("out", "/nowhere")], reason: "Unsafe" },
  {
    title: "links that lead outside together",
    entries: [file("a/b/x"), link("a/b/top", "../.."), link("out", "a/b/top/../")],
    reason: "Unsafe",
  },
  {
    title: "a hard link to outside",
    entries: [{ path: "x", type: "Link", linkpath: "../../etc/passwd" }],
    reason: "Unsafe",
  },
  {
    title: "a hard link through a link",
    entries: [link("a", "."), { path: "x", type: "Link", linkpath: "a/y" }],
    reason: "Unsafe",
  },
  { title: "a hard link to nothing", entries: [{ path: "x", type: "Link", linkpath: "y" }] },
  {
    title: "a device",
    entries: [{ path: "null", type: "CharacterDevice" }],
    reason: "Unsupported",
    message: 'the entry "null" is a device or a pipe',
  },
  { title: "a file under a file", entries: [file("a"), file("a/b")] },
  { title: "a name that is too long", entries: [file("n".repeat(300))], reason: "TooLarge" },
] as const satisfies readonly Refusal[]) {
  test(`${title} is refused, and nothing is left of the archive`, async () => {
    const all: Refusal = { title, entries, reason, message };
    await refused(tarOf([file("first"), ...all.entries]), { reason: "Damaged", ...defined(all) });
    assert.equal(existsSync("/tmp/varve-evil"), false);
  });
}

test("an archive over a limit is refused by that limit", async () => {
  const tar = tarOf([file("a", "12345"), file("b", "12345")]);
  for (const [limits, message] of [
    [{ bytesMax: 9 }, 'the archive holds more than 9 bytes, with "b"'],
    [{ entriesMax: 1 }, "the archive holds more than 1 entries"],
    [{ pathBytesMax: 0 }, 'the archive holds the path "a…", which is over 0 bytes'],
  ] as const) {
    await refused(tar, { reason: "TooLarge", message }, { limits });
  }
});

test("what is damaged or no archive at all is refused as such", async () => {
  const tar = tarOf(PLAIN);
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from("hello world, this is no archive at all".repeat(30)),
    tar.subarray(0, 100_000),
    gzipSync(tar).subarray(0, 300),
    Buffer.concat([gzipSync(tar).subarray(0, 100), Buffer.alloc(1000, 7)]),
    Buffer.from("PK\x03\x04 and then nothing of the sort"),
  ]) {
    await refused(bytes, { reason: "Damaged" });
  }
});

test("a stream that fails in the midst of a file fails all, with its own error", async () => {
  async function* failing() {
    yield tarOf(PLAIN).subarray(0, 50_000);
    throw new Error("the cable is out");
  }
  await assert.rejects(extractArchive(failing(), to), { message: "the cable is out" });
  assert.equal(existsSync(to), false);
});

interface Refusal {
  readonly title: string;
  readonly entries: readonly Fields[];
  readonly reason?: ArchiveReason | undefined;
  readonly message?: string | undefined;
}

function defined({ reason, message }: Refusal) {
  return { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
}

interface Expected {
  readonly reason: ArchiveReason;
  readonly message?: string | RegExp;
}

async function refused(bytes: Buffer, expected: Expected, options?: ExtractOptions): Promise<void> {
  const before = readdirSync(directory);
  await assert.rejects(extractArchive(streamOf(bytes), `${to}-refused`, options), expected);
  assert.deepEqual(readdirSync(directory), before);
}

function tarOf(entries: readonly Fields[]): Buffer {
  const blocks = entries.map(({ content = "", ...fields }) => {
    const bytes = Buffer.from(content);
    const header = new Header({ mode: 0o644, ...fields, size: bytes.length });
    const more = header.encode() ? new Pax({ path: header.path ?? "" }).encode() : Buffer.alloc(0);
    assert(header.block);
    return Buffer.concat([more, header.block, bytes, Buffer.alloc(-bytes.length & 511)]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

async function* streamOf(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

function treeOf(root: string, under = ""): readonly string[] {
  return readdirSync(join(root, under))
    .toSorted()
    .flatMap((name) => {
      const path = join(under, name);
      const stat = lstatSync(join(root, path));
      if (stat.isSymbolicLink()) return `${path} -> ${readlinkSync(join(root, path))}`;
      const mode = (stat.mode & 0o7777).toString(8);
      if (stat.isDirectory()) return [`${mode} ${path}`, ...treeOf(root, path)];
      return `${mode} ${path} ${stat.size}`;
    });
}
