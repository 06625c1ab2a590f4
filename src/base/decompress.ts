import { pipeline, Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { ArchiveError } from "./archive.ts";

/** A stream whose first bytes have been looked at, and are still in it. */
export interface Peeked {
  /** At least four bytes, when there are so many. */
  readonly head: Buffer;
  readonly rest: AsyncIterable<Uint8Array>;
}

const HEAD_BYTES = 4;
const GZIP = "1f8b";
const ZSTD = "28b52ffd";

/** Looks at how a stream begins. */
export async function peeked(content: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const iterator = content[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const { done = false, value } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return { head, rest: joined(head, iterator) };
}

async function* joined(head: Buffer, iterator: AsyncIterator<Uint8Array>) {
  try {
    if (head.length > 0) yield head;
    for (;;) {
      const { done = false, value } = await iterator.next();
      if (done) return;
      yield value as Uint8Array;
    }
  } finally {
    await iterator.return?.();
  }
}

/** What a gzip or zstd stream holds; a stream that is neither, as it is. Throws `ArchiveError`. */
export function decompressed({ head, rest }: Peeked): AsyncIterable<Uint8Array> {
  const start = head.toString("hex");
  if (start.startsWith(GZIP)) return through(rest, createGunzip(), "gzip");
  if (start.startsWith(ZSTD)) return through(rest, createZstdDecompress(), "zstd");
  return rest;
}

async function* through(content: AsyncIterable<Uint8Array>, transform: Transform, name: string) {
  // It tells of failures of both through the transform, which we read.
  pipeline(Readable.from(content, { objectMode: false }), transform, () => {});
  try {
    for await (const chunk of transform) yield chunk as Uint8Array;
  } catch (thrown) {
    const isOurs = thrown instanceof Error && "errno" in thrown && "code" in thrown;
    if (!isOurs || !/^(Z_|ZSTD_)/.test(String(thrown.code))) throw thrown;
    const message = `the ${name} stream is damaged: ${thrown.message}`;
    throw new ArchiveError("Damaged", message, { cause: thrown });
  }
}
