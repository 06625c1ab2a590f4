import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type ArchiveEntry, ArchiveError, readTar, readZip } from "./archive.ts";
import { decompressed, peeked } from "./decompress.ts";
import { SafeTree, TREE_LIMITS, type TreeLimits } from "./safe_tree.ts";

export interface ExtractOptions {
  readonly limits?: Partial<TreeLimits>;
  /**
   * When the archive holds one directory and nothing beside it, as archives of repositories do,
   * take what is in that directory for the whole.
   */
  readonly stripsSingleDirectory?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Extracts a tar, tar.gz, tar.zst or zip archive, a file or a stream, into a directory that must
 * not exist. Nothing is written outside of it, also not through links; modes become 0755 or 0644.
 * Throws `ArchiveError`. Whole or not at all.
 */
export async function extractArchive(
  archive: string | AsyncIterable<Uint8Array>,
  directory: string,
  options: ExtractOptions = {},
): Promise<void> {
  await mkdir(directory);
  try {
    await extract(archive, directory, options);
    if (options.stripsSingleDirectory === true) await strip(directory);
  } catch (thrown) {
    await rm(directory, { recursive: true, force: true });
    throw thrown;
  }
}

async function extract(
  archive: string | AsyncIterable<Uint8Array>,
  directory: string,
  { limits, signal }: ExtractOptions,
): Promise<void> {
  const within = { ...TREE_LIMITS, ...limits };
  const tree = new SafeTree({ root: directory, limits: within, links: "refuse" });
  const to = { tree, signal };
  if (typeof archive === "string" && isZip(await headOf(archive))) {
    await putAll(readZip(archive), to);
    return await tree.check();
  }
  const peek = await peeked(typeof archive === "string" ? createReadStream(archive) : archive);
  if (peek.head.length === 0) throw new ArchiveError("Damaged", "the archive is empty");
  if (isZip(peek.head)) await putSpooled(peek.rest, to, { spool: `${directory}.zip`, ...within });
  else await putAll(readTar(decompressed(peek)), to);
  await tree.check();
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

interface Putting {
  readonly tree: SafeTree;
  readonly signal: AbortSignal | undefined;
}

async function putAll(
  entries: AsyncIterable<ArchiveEntry>,
  { tree, signal }: Putting,
): Promise<void> {
  for await (const entry of entries) {
    signal?.throwIfAborted();
    await tree.put(entry);
  }
}

/** "PK", and the mark of a first entry or of the end of an archive without one. */
function isZip(head: Buffer): boolean {
  return ["504b0304", "504b0506"].includes(head.subarray(0, 4).toString("hex"));
}

interface Spooling {
  readonly spool: string;
  readonly bytesMax: number;
}

/** A zip archive is read from its end, so it has to be a file. */
async function putSpooled(
  content: AsyncIterable<Uint8Array>,
  to: Putting,
  { spool, bytesMax }: Spooling,
): Promise<void> {
  async function* bounded() {
    let bytes = 0;
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        throw new ArchiveError("TooLarge", `the archive is over ${bytesMax} bytes`);
      }
      yield chunk;
    }
  }
  try {
    await pipeline(Readable.from(bounded()), createWriteStream(spool, { flags: "wx" }));
    await putAll(readZip(spool), to);
  } finally {
    await rm(spool, { force: true });
  }
}

async function strip(directory: string): Promise<void> {
  const [only, second] = await readdir(directory, { withFileTypes: true });
  if (only === undefined || second !== undefined || !only.isDirectory()) return;
  const aside = `${directory}.single`;
  await rename(join(directory, only.name), aside);
  // An empty directory is replaced at once.
  await rename(aside, directory);
}
