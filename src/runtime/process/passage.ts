import { statSync } from "node:fs";
import { dirname } from "node:path";
import { NotStarted } from "../not_started.ts";
import type { User } from "./user.ts";

/** Throws `NotStarted` when a directory on the way to a path lets a user not pass. */
export function checkPassage(user: User, path: string): void {
  const { uid, gid } = user;
  // Whoever runs as this server has come this way, and root passes everywhere.
  if (uid === undefined || gid === undefined || uid === 0) return;
  for (const directory of onTheWay(path)) {
    const { mode, ...owner } = statSync(directory);
    const bit = owner.uid === uid ? 0o100 : owner.gid === gid ? 0o010 : 0o001;
    if ((mode & bit) !== 0) continue;
    throw new NotStarted(
      `it shall run as user ${uid} of group ${gid}, whom "${directory}" does not let pass (mode ` +
        `0${(mode & 0o777).toString(8)}, of user ${owner.uid} and group ${owner.gid}), and its ` +
        "files are behind that: keep the server's --home where everybody may pass, such as " +
        `/var/lib/varve, or run: chmod o+x "${directory}"`,
    );
  }
}

/** A directory and those it is in, the outermost first. */
function onTheWay(path: string): readonly string[] {
  const outer = dirname(path);
  return outer === path ? [path] : [...onTheWay(outer), path];
}
