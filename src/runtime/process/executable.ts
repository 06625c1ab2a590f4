import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join, posix } from "node:path";
import { NotStarted } from "../not_started.ts";

export interface Place {
  /** Where the image's files are. */
  readonly tree: string;
  /** Where the process begins. */
  readonly directory: string;
  /** `PATH` of the instance. */
  readonly path: string;
}

/** The directory inside of `tree` that an image means by an absolute or relative path. */
export function inside(tree: string, path: string): string {
  return join(tree, posix.join("/", path));
}

/** The directory to begin in. */
export function workingDirectory(tree: string, path: string): string {
  const directory = inside(tree, path);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return directory;
  throw new NotStarted(`its working directory "${path}" is no directory of the image`);
}

/**
 * The file to execute. An absolute path means the image's file, or the machine's where the image
 * has none; one with a slash begins at the working directory; a bare name is looked up on `PATH`.
 */
export function findExecutable(name: string, { tree, directory, path }: Place): string {
  const places = isAbsolute(name)
    ? [inside(tree, name), name]
    : name.includes("/")
      ? [join(directory, name)]
      : path.split(":").map((it) => join(it === "" ? directory : it, name));
  const found = places.find(isExecutable);
  if (found !== undefined) return found;
  const there = places.find((it) => statSync(it, { throwIfNoEntry: false })?.isFile() === true);
  if (there !== undefined)
    throw new NotStarted(`cannot run "${name}": the file is not executable (chmod +x)`);
  const where = isAbsolute(name)
    ? "it is neither in the image nor on this machine"
    : name.includes("/")
      ? "the image has no such file, from its working directory"
      : `it is in no directory of PATH (${path})`;
  throw new NotStarted(`cannot run "${name}": ${where}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
