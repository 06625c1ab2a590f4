import { createHash } from "node:crypto";
import {
  type ArchiveEntry,
  ArchiveError,
  readTar,
  TAR_END,
  tarHeads,
  tarPadding,
} from "./archive.ts";

/** One file on its way into an archive. */
export interface SealedFile {
  readonly path: string;
  readonly bytes: number;
  readonly content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** The last entry: a line for each of the others, as `sha256sum -c` reads them. */
export const SUMS_PATH = "SHA256SUMS";

const MODE = 0o600;
const SUMS_BYTES_MAX = 512 * 1024 * 1024;

/**
 * A tar archive that can be checked by itself: its last entry holds the checksums of all others,
 * so that one that was cut short, or rotted, is told from a whole one. Any tar reads it.
 */
export async function* sealArchive(files: AsyncIterable<SealedFile>): AsyncGenerator<Uint8Array> {
  const headOf = await tarHeads();
  const lines: string[] = [];
  for await (const { path, bytes, content } of files) {
    yield headOf({ path, type: "file", mode: MODE, bytes });
    const hash = createHash("sha256");
    let seen = 0;
    for await (const chunk of content) {
      hash.update(chunk);
      seen += chunk.length;
      yield chunk;
    }
    if (seen !== bytes) throw damaged(`"${path}" changed while it was read: try again`);
    yield tarPadding(bytes);
    lines.push(`${hash.digest("hex")}  ${path}\n`);
  }
  const sums = Buffer.from(lines.join(""));
  yield headOf({ path: SUMS_PATH, type: "file", mode: MODE, bytes: sums.length });
  yield sums;
  yield tarPadding(sums.length);
  yield TAR_END;
}

/**
 * The files of a sealed archive, each to be read before the next is asked for. That all of them
 * are what was sealed is known only when the last one has come: until then trust none. Throws
 * `ArchiveError` where something is missing or not as it was.
 */
export async function* unsealArchive(
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<ArchiveEntry> {
  const found = new Map<string, string>();
  let sealed: ReadonlyMap<string, string> | undefined;
  for await (const entry of readTar(content)) {
    const { path } = entry;
    if (sealed !== undefined) throw damaged(`"${path}" stands after its ${SUMS_PATH}`);
    if (path === SUMS_PATH) {
      sealed = await readSums(entry);
      continue;
    }
    if (entry.type !== "file") throw damaged(`"${path}" is no file`);
    if (found.has(path)) throw damaged(`"${path}" is in it twice`);
    const hash = createHash("sha256");
    const hashed = hashing(entry.content, (chunk) => hash.update(chunk));
    yield { ...entry, content: hashed };
    // What the reader left unread belongs to the checksum all the same.
    for await (const _rest of hashed);
    found.set(path, hash.digest("hex"));
  }
  if (sealed === undefined) throw damaged(`it is cut short: its end, ${SUMS_PATH}, is missing`);
  compare(found, sealed);
}

async function* hashing(
  content: AsyncIterable<Uint8Array>,
  update: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const chunks = content[Symbol.asyncIterator]();
  for (;;) {
    const { done = false, value } = await chunks.next();
    if (done) return;
    update(value);
    yield value;
  }
}

async function readSums({ bytes, content }: ArchiveEntry): Promise<ReadonlyMap<string, string>> {
  if (bytes > SUMS_BYTES_MAX) throw new ArchiveError("TooLarge", `${SUMS_PATH} is too large`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString().split("\n").slice(0, -1);
  return new Map(
    lines.map((line) => {
      const [, sum, path] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
      if (sum === undefined || path === undefined) throw damaged(`${SUMS_PATH} cannot be read`);
      return [path, sum];
    }),
  );
}

function compare(found: ReadonlyMap<string, string>, sealed: ReadonlyMap<string, string>): void {
  for (const [path, sum] of found) {
    const expected = sealed.get(path);
    if (expected === undefined) throw damaged(`"${path}" is not in its ${SUMS_PATH}`);
    if (expected !== sum) throw damaged(`"${path}" does not match its checksum`);
  }
  const missing = [...sealed.keys()].find((path) => !found.has(path));
  if (missing !== undefined) throw damaged(`"${missing}" is missing`);
}

function damaged(message: string): ArchiveError {
  return new ArchiveError("Damaged", message);
}
