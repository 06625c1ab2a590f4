import { cp, readlink, realpath, rm, symlink } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { listTree } from "../base/file_tree.ts";

export interface Bounds {
  /** What goes into the image. */
  readonly app: string;
  /** What was fetched; the app is this or a part of it. */
  readonly source: string;
}

const ROUNDS_MAX = 10;

/**
 * Makes every link of an app lead to a place in the app, from wherever it is laid out: what a link
 * takes from elsewhere in the source is copied in its place. Throws for one that leads further.
 */
export async function keepLinksInside({ app, source }: Bounds): Promise<void> {
  const bounds = { app: await realpath(app), source: await realpath(source) };
  // A copy may bring links of its own.
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    if (!(await settleOnce(bounds))) return;
  }
  throw new Error("its links lead to one another without an end");
}

/** Whether something was copied. */
async function settleOnce({ app, source }: Bounds): Promise<boolean> {
  let hasCopied = false;
  for (const { path, type } of await listTree(app)) {
    if (type !== "symlink") continue;
    const at = join(app, path);
    const target = await readlink(at);
    const literal = isAbsolute(target) ? target : join(dirname(at), target);
    const real = await realpath(at).catch(() => undefined);
    if (isIn(app, real ?? literal) && isIn(app, literal)) {
      // The path of this directory means nothing where the image will be.
      if (isAbsolute(target)) await relink(at, relative(dirname(at), literal) || ".");
      continue;
    }
    if (real === undefined || !isIn(source, real) || isIn(real, at)) {
      throw new Error(`"${path}" is a link to "${target}", which is not in the source`);
    }
    await rm(at);
    // Links in it keep what they mean, as absolute ones, and are settled in the next round.
    await cp(real, at, { recursive: true });
    hasCopied = true;
  }
  return hasCopied;
}

async function relink(at: string, target: string): Promise<void> {
  await rm(at);
  await symlink(target, at);
}

function isIn(directory: string, path: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
