import { execFile } from "node:child_process";
import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

/**
 * Replaces a file, or makes it: after a crash, and after a power cut, it holds all of the old text
 * or all of the new. One caller at a time for each path.
 */
export async function replaceFile(
  path: string,
  text: string,
  { mode = 0o666 }: { readonly mode?: number } = {},
): Promise<void> {
  const aside = `${path}.new`;
  try {
    await using file = await open(aside, "w", mode);
    await file.writeFile(text);
    await file.sync();
    await rename(aside, path);
  } catch (thrown) {
    await rm(aside, { force: true });
    throw thrown;
  }
  await syncDirectory(dirname(path));
}

/** Writes all of a chunk, however many calls the system makes of it. */
export async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

/** Makes the names in a directory last: without this, a power cut may undo a rename. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

/** Makes a whole tree last. One call for all of its file system is far faster than one a file. */
export async function syncTree(path: string): Promise<void> {
  try {
    await promisify(execFile)("sync", ["-f", path]);
  } catch {
    // Not every system has it.
    await syncEach(path);
  }
}

async function syncEach(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const at = join(path, entry.name);
    if (entry.isDirectory()) await syncEach(at);
    else if (entry.isFile()) await syncDirectory(at);
  }
  await syncDirectory(path);
}

/** Whether something failed because the disk, or what we may use of it, is full. */
export function isDiskFull(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  if ("code" in thrown && (thrown.code === "ENOSPC" || thrown.code === "EDQUOT")) return true;
  return isDiskFull(thrown.cause);
}

/** Whether something failed because it is not there. */
export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
}
