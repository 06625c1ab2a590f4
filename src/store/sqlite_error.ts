import { ApiError, type Reason } from "../api/error.ts";

interface Refusal {
  readonly reason: Reason;
  /** What is, and what to do. */
  readonly why: string;
}

/** What to do about a store that is not what was written. */
export const RESTORE = 'restore a backup by "varve restore BACKUP --replace"';

const DAMAGED: Refusal = {
  reason: "InternalError",
  why: `the file is damaged; ${RESTORE}`,
};

const NO_ROOM: Refusal = {
  reason: "InsufficientStorage",
  why: "its disk is full or failing; free some space, then start again",
};

const UNWRITABLE: Refusal = {
  reason: "Forbidden",
  why:
    "it cannot be written; the file and its directory must be there, be writable for this user, " +
    "and not be on a read-only file system",
};

/** By SQLite's primary result codes. */
const AT_OPEN: Readonly<Record<number, Refusal>> = {
  3: UNWRITABLE,
  5: { reason: "ServiceUnavailable", why: "another Varve uses it; stop that one first" },
  8: UNWRITABLE,
  10: NO_ROOM,
  11: DAMAGED,
  13: NO_ROOM,
  14: UNWRITABLE,
  26: {
    reason: "InternalError",
    why: `the file is no Varve store, or damaged; choose another path, or ${RESTORE}`,
  },
};

/** By the codes of Node's file system. */
const OF_FILES: Readonly<Record<string, Refusal>> = {
  EACCES: UNWRITABLE,
  EPERM: UNWRITABLE,
  EROFS: UNWRITABLE,
  ENOTDIR: UNWRITABLE,
  ENOSPC: NO_ROOM,
  EDQUOT: NO_ROOM,
  EIO: NO_ROOM,
};

/** SQLITE_IOERR, SQLITE_FULL, and SQLITE_CANTOPEN for a -wal that cannot be made. */
const NO_ROOM_CODES: readonly unknown[] = [10, 13, 14];
const IO_ERROR = 10;
const LOCKED = 5;

/** What to say when the store at `path` cannot be opened. */
export function openRefusal(path: string, thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  const { reason, why } = refusalOf(thrown);
  return cannotOpen(path, { reason, why: `${why} (${said})` }, thrown);
}

export function cannotOpen(path: string, { reason, why }: Refusal, cause?: unknown): ApiError {
  return new ApiError(reason, `Cannot open the store "${path}": ${why}`, { cause });
}

/** What to tell the writer when a transaction failed: of the path only operators should know. */
export function writeRefusal(path: string, thrown: unknown): ApiError {
  const code = codeOf(thrown);
  const cause = new Error(`Cannot write to the store "${path}"`, { cause: thrown });
  if (NO_ROOM_CODES.includes(code)) {
    const message = "the store has no room on its disk; free some space there, then try again";
    return new ApiError("InsufficientStorage", message, { cause });
  }
  return new ApiError("InternalError", "the store cannot be written", { cause });
}

/** Whether a commit that failed so may be found in the log after a crash all the same. */
export function isInDoubt(thrown: unknown): boolean {
  return codeOf(thrown) === IO_ERROR;
}

/** Whether it failed because another process has the database. */
export function isLocked(thrown: unknown): boolean {
  return codeOf(thrown) === LOCKED;
}

function refusalOf(thrown: unknown): Refusal {
  const code = codeOf(thrown);
  if (code !== undefined) return AT_OPEN[code] ?? DAMAGED;
  const hasCode = thrown instanceof Error && "code" in thrown;
  return (hasCode ? OF_FILES[String(thrown.code)] : undefined) ?? DAMAGED;
}

/** The primary result code, which is the lowest byte of the one that Node hands out. */
function codeOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !("errcode" in thrown)) return undefined;
  return Number(thrown.errcode) & 0xff;
}
