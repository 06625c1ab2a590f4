import { execFile } from "node:child_process";
import { type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { NotStarted } from "../not_started.ts";
import type { User } from "./user.ts";

const run = promisify(execFile);

/** Throws `NotStarted` when a directory on the way to a path, or that, lets a user not pass. */
export async function checkPassage({ uid, gid }: User, path: string): Promise<void> {
  // Whoever runs as this server has come this way, and root passes everywhere.
  if (uid === undefined || gid === undefined || uid === 0) return;
  const user = { uid, gid };
  const closed = onTheWay(path).find((directory) => !isOpen(statSync(directory), user));
  // There can be more to it than a mode, such as an access control list: so it is tried.
  if (closed === undefined || (await canEnter(user, path))) return;
  const { mode, ...owner } = statSync(closed);
  throw new NotStarted(
    `it shall run as user ${uid} of group ${gid}, whom "${closed}" does not let pass (mode ` +
      `0${(mode & 0o777).toString(8)}, of user ${owner.uid} and group ${owner.gid}), and its ` +
      "files are behind that: keep the server's --home where everybody may pass, such as " +
      `/var/lib/varve, or run: chmod o+x "${closed}"`,
  );
}

/** A directory and those it is in, the outermost first. */
function onTheWay(path: string): readonly string[] {
  const outer = dirname(path);
  return outer === path ? [path] : [...onTheWay(outer), path];
}

function isOpen({ mode, ...owner }: Stats, { uid, gid }: Required<User>): boolean {
  const bit = owner.uid === uid ? 0o100 : owner.gid === gid ? 0o010 : 0o001;
  return (mode & bit) !== 0;
}

async function canEnter(user: Required<User>, path: string): Promise<boolean> {
  try {
    await run("/bin/sh", ["-c", 'cd "$0"', path], { cwd: "/", ...user });
    return true;
  } catch {
    return false;
  }
}
