import { constants } from "node:fs";
import { lstat, open, readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../base/durable_file.ts";
import { readPackageJson } from "./package_json.ts";
import { mainPaths } from "./start_command.ts";

/** What can be told of a file by how it begins. */
export type Program =
  | { readonly type: "script" }
  /** A binary, for the platform and processor in Node's words, where we know them. */
  | { readonly type: "binary"; readonly platform: string; readonly arch?: string };

export interface ListedEntry {
  readonly name: string;
  readonly type: "file" | "directory" | "other";
  readonly isExecutable: boolean;
  readonly program?: Program;
}

/** What deciding what a source is takes of it. */
export interface Listing {
  /** At the top, by name. */
  readonly entries: readonly ListedEntry[];
  /** Small files at the top, by name. */
  readonly texts: ReadonlyMap<string, string>;
  /** Whether there is a file at this path, links followed but not to outside. */
  readonly hasFile: (path: string) => boolean;
}

const TEXTS = ["Procfile", "package.json", "yarn.lock"];
const TEXT_BYTES_MAX = 4 * 1024 * 1024;
/** Where sites are looked for, besides the top. */
const SITE_DIRECTORIES = ["dist", "build", "out", "public", "_site"];
const READ_NO_LINK = constants.O_RDONLY | constants.O_NOFOLLOW;

/** Looks at a directory as an app, and for Node also at what its package.json names. */
export async function listApp(directory: string): Promise<Listing> {
  const listing = await listSource(directory, []);
  const text = listing.texts.get("package.json");
  if (text === undefined) return listing;
  return await listSource(directory, ["server.js", ...mainPaths(readPackageJson(text))]);
}

/** Looks at the top of a directory, and at the paths that decide what it is. */
async function listSource(directory: string, paths: readonly string[]): Promise<Listing> {
  const names = (await readdir(directory)).filter((name) => name !== ".git").toSorted();
  const entries = await Promise.all(names.map((name) => look(directory, name)));
  const texts = new Map<string, string>();
  for (const { name, type } of entries) {
    if (type !== "file" || !TEXTS.includes(name)) continue;
    const text = await readSmall(join(directory, name));
    if (text !== undefined) texts.set(name, text);
  }
  const sites = SITE_DIRECTORIES.map((name) => `${name}/index.html`);
  const found = new Set<string>();
  for (const path of ["index.html", ...sites, ...paths]) {
    if (await isFileInside(directory, path)) found.add(path);
  }
  return { entries, texts, hasFile: (path) => found.has(path) };
}

/** Whether a path of the source is a file in it, also where links lead there. */
async function isFileInside(directory: string, path: string): Promise<boolean> {
  const root = await realpath(directory);
  const real = await realpath(join(root, path)).catch(() => undefined);
  if (real === undefined || !real.startsWith(`${root}/`)) return false;
  return (await lstat(real)).isFile();
}

async function look(directory: string, name: string): Promise<ListedEntry> {
  const path = join(directory, name);
  const stat = await lstat(path);
  if (!stat.isFile()) {
    return { name, type: stat.isDirectory() ? "directory" : "other", isExecutable: false };
  }
  const program = programOf(await headOf(path));
  const isExecutable = (stat.mode & 0o111) !== 0;
  return { name, type: "file", isExecutable, ...(program !== undefined && { program }) };
}

async function headOf(path: string): Promise<Buffer> {
  await using file = await open(path, READ_NO_LINK);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
  return buffer.subarray(0, bytesRead);
}

async function readSmall(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, READ_NO_LINK);
    if ((await file.stat()).size > TEXT_BYTES_MAX) return undefined;
    return await readFile(file, "utf8");
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

const ELF = "7f454c46";
const ELF_MACHINES: Readonly<Record<number, string>> = {
  3: "ia32",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};
const MACH_O = ["cffaedfe", "cefaedfe", "cafebabe"];

/** What a file is that begins like this, if it is a program. */
export function programOf(head: Buffer): Program | undefined {
  if (head.subarray(0, 2).toString() === "#!") return { type: "script" };
  const magic = head.subarray(0, 4).toString("hex");
  if (MACH_O.includes(magic)) return { type: "binary", platform: "darwin" };
  if (magic !== ELF || head.length < 20) return undefined;
  // Byte 5 says in which order the bytes of numbers stand.
  const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18);
  const arch = ELF_MACHINES[machine];
  return { type: "binary", platform: "linux", ...(arch !== undefined && { arch }) };
}
