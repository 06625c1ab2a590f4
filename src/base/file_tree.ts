import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { ArchiveError, type IgnoreRules, noIgnoreRules } from "./archive.ts";

/** One thing in a directory tree, links not followed. */
export interface TreeFile {
  /** From the root of the tree, with "/" between; never ends in one. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  readonly isExecutable: boolean;
  /** Of a file. */
  readonly bytes: number;
  /** Of a link: where it points. */
  readonly target?: string;
}

export interface TreeOptions {
  /**
   * Leave out what `.gitignore` files say, as git does, and then what `.varveignore` at the root
   * says, which may also take back in what they left out. Directories in which nothing is left
   * are left out too.
   */
  readonly ignoreFiles?: boolean;
  /** Of all files together. */
  readonly bytesMax?: number;
  readonly entriesMax?: number;
  readonly signal?: AbortSignal;
}

/** What is never part of a source: the books of version control and of Varve, and caches. */
const NEVER = /(^|\/)(\.git|\.hg|\.svn|\.varve|node_modules\/\.cache)$/;

/** Everything in a directory, sorted by the bytes of its path. Throws `ArchiveError`. */
export async function listTree(
  directory: string,
  options: TreeOptions = {},
): Promise<readonly TreeFile[]> {
  const walk = new Walk(directory, options);
  const files = await walk.list();
  const keyed = files.map((file) => ({ file, key: Buffer.from(file.path) }));
  return keyed.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ file }) => file);
}

/** One walk over a tree, which counts what it finds. */
class Walk {
  readonly #root: string;
  readonly #options: TreeOptions;
  /** The text of `.varveignore`, whose rules come after all others. */
  #last = "";
  #bytes = 0;
  #entries = 0;

  constructor(root: string, options: TreeOptions) {
    this.#root = root;
    this.#options = options;
  }

  async list(): Promise<readonly TreeFile[]> {
    if (this.#options.ignoreFiles !== true) return await this.#below("", undefined);
    this.#last = await textOf(join(this.#root, ".varveignore"));
    const git = await noIgnoreRules();
    return await this.#below("", { git, all: git.with(this.#last, "") });
  }

  async #below(directory: string, above: Rules | undefined): Promise<readonly TreeFile[]> {
    this.#options.signal?.throwIfAborted();
    const rules = above && (await this.#rules(directory, above));
    const found: TreeFile[] = [];
    for (const file of await this.#files(directory)) {
      const isDirectory = file.type === "directory";
      if (rules?.all.ignores(isDirectory ? `${file.path}/` : file.path)) continue;
      const inside = isDirectory ? await this.#below(file.path, rules) : [];
      if (rules !== undefined && isDirectory && inside.length === 0) continue;
      this.#count(file);
      found.push(file, ...inside);
    }
    return found;
  }

  async #rules(directory: string, above: Rules): Promise<Rules> {
    const text = await textOf(join(this.#root, directory, ".gitignore"));
    if (text === "") return above;
    const git = above.git.with(text, directory);
    return { git, all: git.with(this.#last, "") };
  }

  async #files(directory: string): Promise<readonly TreeFile[]> {
    const names = (await readdir(join(this.#root, directory))).toSorted();
    const paths = names.map((name) => (directory === "" ? name : `${directory}/${name}`));
    const wanted = paths.filter((path) => !NEVER.test(path));
    return await Promise.all(wanted.map((path) => this.#look(path)));
  }

  async #look(path: string): Promise<TreeFile> {
    // Node replaces what is not UTF-8, and then neither finds the file nor can name it.
    if (path.includes("\uFFFD")) throw unsupported(path, "its name is not UTF-8");
    const at = join(this.#root, path);
    const stat = await lstat(at);
    const plain = { path, isExecutable: false, bytes: 0 };
    if (stat.isDirectory()) return { ...plain, type: "directory" };
    if (stat.isSymbolicLink()) return { ...plain, type: "symlink", target: await readlink(at) };
    if (!stat.isFile()) throw unsupported(path, "it is neither a file, a directory nor a link");
    return { path, type: "file", isExecutable: (stat.mode & 0o111) !== 0, bytes: stat.size };
  }

  #count({ path, bytes }: TreeFile): void {
    const { bytesMax = Infinity, entriesMax = Infinity } = this.#options;
    this.#bytes += bytes;
    this.#entries += 1;
    if (this.#bytes > bytesMax) throw tooLarge(path, `${bytesMax} bytes`);
    if (this.#entries > entriesMax) throw tooLarge(path, `${entriesMax} files and directories`);
  }
}

interface Rules {
  /** Of the `.gitignore` files so far. */
  readonly git: IgnoreRules;
  readonly all: IgnoreRules;
}

/** Of a file that may not be there. Git reads no ignore file through a link, and so do we not. */
async function textOf(path: string): Promise<string> {
  const isFile = await lstat(path).then(
    (stat) => stat.isFile(),
    () => false,
  );
  return isFile ? await readFile(path, "utf8") : "";
}

function unsupported(path: string, why: string): ArchiveError {
  return new ArchiveError("Unsupported", `Cannot pack "${path}": ${why}`);
}

function tooLarge(path: string, limit: string): ArchiveError {
  const how = "leave out what is not needed, by .gitignore or .varveignore";
  return new ArchiveError(
    "TooLarge",
    `Cannot pack "${path}": with it there are over ${limit}; ${how}`,
  );
}
