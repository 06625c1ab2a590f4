import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { TERMINATION_MESSAGE_PATH } from "../../api/container.ts";
import type { EngineMount } from "./volumes.ts";

/** In the directory of an instance's volumes, as no volume has such a name. */
const FILE = ".termination-log";
/** The last so many are told, as in Kubernetes. */
const BYTES_MAX = 4096;

/**
 * Where a run may write why it ends: an empty file of this machine, mounted at a path of the
 * container. So it is there whatever the image and its user may, and outlives the container; and
 * what is mounted on cannot be replaced from within, so that nobody else's file is ever read.
 */
export function makeTerminationFile(
  directory: string,
  path: string = TERMINATION_MESSAGE_PATH,
): EngineMount {
  const file = join(directory, FILE);
  // Not emptied but another: what is left of the run before may still write to the old one.
  rmSync(file, { force: true });
  writeFileSync(file, "", { flag: "wx" });
  // Whoever the container's user is may write to it.
  chmodSync(file, 0o666);
  return { Type: "bind", Source: file, Target: path, ReadOnly: false };
}

/** What a run has written there; nothing where it had no such file, or it cannot be read. */
export function readTerminationMessage(directory: string): string | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let fd: number;
  try {
    fd = openSync(join(directory, FILE), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    // It is of a server before this was read, or was made unreadable from within.
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    return stat.isFile() ? endOf(fd, stat.size) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** As text, whatever it is: without half a character at the front, and without NULs. */
function endOf(fd: number, size: number): string {
  const from = Math.max(0, size - BYTES_MAX);
  const bytes = Buffer.alloc(BYTES_MAX);
  const count = readSync(fd, bytes, 0, BYTES_MAX, from);
  let begin = 0;
  while (from > 0 && begin < 3 && ((bytes[begin] ?? 0) & 0xc0) === 0x80) begin += 1;
  return bytes.toString("utf8", begin, count).replaceAll("\0", "");
}
