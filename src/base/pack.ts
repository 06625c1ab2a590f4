import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { ArchiveError, TAR_END, type TarHead, tarHeads, tarPadding } from "./archive.ts";
import { listTree, type TreeFile, type TreeOptions } from "./file_tree.ts";

export interface PackOptions extends TreeOptions {
  /** The directory that everything is in, inside of the archive: "app". */
  readonly under?: string;
}

const CHUNK_BYTES = 256 * 1024;
const READ_NO_LINK = constants.O_RDONLY | constants.O_NOFOLLOW;

/**
 * Packs a directory as a tar archive: sorted, without times, owners and whatever else differs
 * between machines. The same tree gives the same bytes, always. Files that are hard links to one
 * another become files of their own. Throws `ArchiveError`.
 */
export async function* packDirectory(
  directory: string,
  options: PackOptions = {},
): AsyncGenerator<Uint8Array> {
  const { under, signal } = options;
  const headOf = await tarHeads();
  const files = await listTree(directory, options);
  if (under !== undefined) yield headOf({ path: under, type: "directory", mode: 0o755, bytes: 0 });
  for (const file of files) {
    signal?.throwIfAborted();
    yield headOf(tarHead(file, under));
    if (file.type === "file") yield* contentOf(directory, file);
  }
  yield TAR_END;
}

function tarHead({ path, type, isExecutable, bytes, target }: TreeFile, under?: string): TarHead {
  const mode = type === "file" && !isExecutable ? 0o644 : 0o755;
  const at = under === undefined ? path : `${under}/${path}`;
  return { path: at, type, mode, bytes, ...(target !== undefined && { target }) };
}

async function* contentOf(directory: string, { path, bytes }: TreeFile): AsyncGenerator<Buffer> {
  const changed = `Cannot pack "${path}": it changed while it was read; try again`;
  const file = await open(join(directory, path), READ_NO_LINK);
  try {
    let left = bytes;
    while (left > 0) {
      // A new buffer each time, as the last one may still be on its way to a disk or a socket.
      const buffer = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES));
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) throw new ArchiveError("Damaged", changed);
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    if ((await file.stat()).size !== bytes) throw new ArchiveError("Damaged", changed);
  } finally {
    await file.close();
  }
  yield tarPadding(bytes);
}
