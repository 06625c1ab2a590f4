import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** A directory as a value: files by their text, links by where they point. */
export type TestTree = { readonly [name: string]: string | TestTree };

/** What is in a directory, for tests. */
export function treeOf(directory: string): TestTree {
  const names = readdirSync(directory).toSorted();
  return Object.fromEntries(names.map((name) => [name, seenAt(join(directory, name))]));
}

function seenAt(path: string): string | TestTree {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  return stat.isDirectory() ? treeOf(path) : readFileSync(path, "utf8");
}
