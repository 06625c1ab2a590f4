import { crc32 } from "node:zlib";
import type { Ignore } from "ignore";
import type { ReadEntry } from "tar";
import type { Entry, ZipFile } from "yauzl";

/** Why an archive cannot be read or made: one word for programs. */
export type ArchiveReason = "Damaged" | "Unsupported" | "Unsafe" | "TooLarge";

/** A failure about an archive that its sender can expect. The message names the entry. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
  readonly reason: ArchiveReason;

  constructor(reason: ArchiveReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** One entry of an archive, as it stands there: nothing about it has been checked. */
export interface ArchiveEntry {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "hardlink" | "device";
  /** Permission bits. */
  readonly mode: number;
  /** Of a file. */
  readonly bytes: number;
  /** Of a link: where it points. */
  readonly target: string;
  /** Of a file. To be read before the next entry is asked for, or not at all. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** What a tar entry says, apart from its content. */
export interface TarHead {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "hardlink";
  readonly mode: number;
  readonly bytes: number;
  readonly target?: string;
}

const BLOCK_BYTES = 512;
const TYPE_OF = {
  File: "file",
  OldFile: "file",
  ContiguousFile: "file",
  Directory: "directory",
  GNUDumpDir: "directory",
  SymbolicLink: "symlink",
  Link: "hardlink",
  CharacterDevice: "device",
  BlockDevice: "device",
  FIFO: "device",
} as const;
const NAME_OF = {
  file: "File",
  directory: "Directory",
  symlink: "SymbolicLink",
  hardlink: "Link",
} as const;

/** Makes the headers of tar entries: owner 0, no names, no times, so that equal is identical. */
export async function tarHeads(): Promise<(head: TarHead) => Buffer> {
  const { Header, Pax } = await import("tar");
  return ({ path, type, mode, bytes, target }) => {
    const name = type === "directory" ? `${path}/` : path;
    const link = target === undefined ? {} : { linkpath: target };
    const fields = { path: name, mode, uid: 0, gid: 0, size: bytes, ...link };
    const header = new Header({ ...fields, type: NAME_OF[type] });
    const block = Buffer.alloc(BLOCK_BYTES);
    if (!header.encode(block)) return block;
    const more = new Pax({ path: name, size: bytes, ...link }).encode();
    return Buffer.concat([more, block]);
  };
}

/** The zeros that fill up the last block of a content of so many bytes. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** What ends a tar archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

/** Reads a tar archive, not compressed. Throws `ArchiveError` where it is damaged. */
export async function* readTar(content: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const parsing = new Parsing();
  const feeding = parsing.feed(content);
  try {
    for await (const entry of parsing.entries()) {
      yield fromTar(entry, parsing.content(entry));
      entry.resume();
    }
  } finally {
    parsing.stop();
    await feeding;
  }
}

/** Between a parser that calls when it has something, and a reader that asks for it. */
class Parsing {
  readonly #ready: ReadEntry[] = [];
  #current: ReadEntry | undefined;
  #failure: Error | undefined;
  #isEnded = false;
  #isStopped = false;
  #wake = () => {};
  #drained = () => {};

  /** Never throws: `entries` tells of what went wrong. */
  async feed(content: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      const parser = await this.#parser();
      for await (const chunk of content) {
        if (this.#isStopped || this.#failure !== undefined) break;
        if (parser.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) continue;
        await new Promise<void>((resolve) => {
          this.#drained = resolve;
          if (this.#isStopped || this.#failure !== undefined) resolve();
        });
      }
      if (!this.#isStopped && this.#failure === undefined) parser.end();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  async *entries(): AsyncGenerator<ReadEntry> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const entry = this.#ready.shift();
      if (entry !== undefined) {
        this.#current = entry;
        yield entry;
      } else if (this.#isEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** Of an entry, until it ends or everything fails. */
  async *content(entry: ReadEntry): AsyncGenerator<Uint8Array> {
    const chunks = entry[Symbol.asyncIterator]();
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const { done = false, value } = await chunks.next();
      if (done) return;
      yield value as Buffer;
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#drained();
  }

  async #parser() {
    const { Parser } = await import("tar");
    const parser = new Parser({ strict: true, gzip: false, brotli: false, zstd: false });
    parser.on("entry", (entry: ReadEntry) => {
      // Who reads it learns of an error by `content`; nobody may be reading.
      entry.on("error", () => {});
      this.#ready.push(entry);
      this.#wake();
    });
    parser.on("ignoredEntry", ({ path, type }: ReadEntry) => {
      this.#fail(new ArchiveError("Unsupported", `"${path}" is of the kind "${type}"`));
    });
    parser.on("drain", () => this.#drained());
    parser.on("error", (error: Error) => {
      const message = `it is no tar archive, or a damaged one: ${error.message}`;
      this.#fail(new ArchiveError("Damaged", message, { cause: error }));
    });
    parser.on("end", () => {
      this.#isEnded = true;
      this.#wake();
    });
    return parser;
  }

  #fail(thrown: unknown): void {
    this.#failure ??= thrown instanceof Error ? thrown : new Error(String(thrown));
    // Whoever reads an entry now would otherwise wait for the rest of it.
    this.#current?.destroy(this.#failure);
    this.#wake();
    this.#drained();
  }
}

function fromTar(entry: ReadEntry, content: AsyncIterable<Uint8Array>): ArchiveEntry {
  const { path, mode = 0o644, size, linkpath = "" } = entry;
  const type = TYPE_OF[entry.type as keyof typeof TYPE_OF];
  return { path, type, mode: mode & 0o777, bytes: size, target: linkpath, content };
}

/** Reads a zip archive. Throws `ArchiveError` where it is damaged. */
export async function* readZip(path: string): AsyncGenerator<ArchiveEntry> {
  const { openPromise } = await import("yauzl");
  const zip = await openPromise(path).catch(failZip);
  try {
    const entries = zip.eachEntry();
    for (;;) {
      const { done = false, value } = await entries.next().catch(failZip);
      if (done) return;
      yield await fromZip(zip, value);
    }
  } finally {
    zip.close();
  }
}

const UNIX = 3;
const KIND_BITS = 0o170000;
const SYMLINK_BITS = 0o120000;
const FILE_BITS = 0o100000;
const LINK_BYTES_MAX = 4096;

async function fromZip(zip: ZipFile, entry: Entry): Promise<ArchiveEntry> {
  const { fileName, uncompressedSize, versionMadeBy, externalFileAttributes } = entry;
  if (!entry.canDecodeFileData()) {
    const how = entry.isEncrypted() ? "encrypted" : "compressed in a way we cannot read";
    throw new ArchiveError("Unsupported", `"${fileName}" is ${how}`);
  }
  const bits = versionMadeBy >> 8 === UNIX ? externalFileAttributes >>> 16 : 0;
  const content = zipContent(zip, entry);
  const plain = {
    path: fileName,
    mode: bits & 0o777,
    bytes: uncompressedSize,
    target: "",
    content,
  };
  if (fileName.endsWith("/")) return { ...plain, type: "directory", bytes: 0 };
  const kind = bits & KIND_BITS;
  if (kind === SYMLINK_BITS)
    return { ...plain, type: "symlink", bytes: 0, target: await linkOf(plain) };
  return { ...plain, type: kind === 0 || kind === FILE_BITS ? "file" : "device" };
}

async function* zipContent(zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array> {
  try {
    let sum = 0;
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      sum = crc32(chunk, sum);
      yield chunk;
    }
    if (sum !== entry.crc32) throw new Error(`the checksum of "${entry.fileName}" is wrong`);
  } catch (thrown) {
    failZip(thrown);
  }
}

async function linkOf({ path, content }: Pick<ArchiveEntry, "path" | "content">): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  const target = Buffer.concat(chunks);
  if (target.length <= LINK_BYTES_MAX) return target.toString();
  throw new ArchiveError("TooLarge", `the link "${path}" is over ${LINK_BYTES_MAX} bytes`);
}

function failZip(thrown: unknown): never {
  if (thrown instanceof ArchiveError) throw thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  throw new ArchiveError("Damaged", `it is no zip archive, or a damaged one: ${message}`, {
    cause: thrown,
  });
}

/** Rules of ignore files, in order: a later one beats an earlier one, as in git. */
export interface IgnoreRules {
  /** Whether what stands at `path` is left out. Directories end in "/". */
  ignores(path: string): boolean;
  /** The same rules, and those of one more file, which stands in `directory` ("" is the root). */
  with(text: string, directory: string): IgnoreRules;
}

/** No rules at all. */
export async function noIgnoreRules(): Promise<IgnoreRules> {
  const { default: ignore } = await import("ignore");
  const make = (rules: Ignore): IgnoreRules => ({
    ignores: (path) => rules.ignores(path),
    with: (text, directory) => {
      const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
      const all = ignore({ ignorecase: false }).add(rules);
      return make(all.add(lines.flatMap((line) => rebased(line, directory))));
    },
  });
  return make(ignore({ ignorecase: false }));
}

/** A rule of a file in `directory`, as it would be written at the root. */
function rebased(line: string, directory: string): readonly string[] {
  const rule = line.replace(/(?<!\\) +$/, "");
  if (rule === "" || rule.startsWith("#")) return [];
  if (directory === "") return [rule];
  const isNegated = rule.startsWith("!");
  const body = isNegated ? rule.slice(1) : rule;
  const isAnchored = body.slice(0, -1).includes("/");
  const below = isAnchored ? body.replace(/^\//, "") : `**/${body}`;
  const at = directory.replace(/[\\*?[\]!# ]/g, "\\$&");
  return [`${isNegated ? "!" : ""}/${at}/${below}`];
}
