import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Source } from "../api/source.ts";
import { systemClock } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import { silentLog } from "../base/log.ts";
import type { ImageStore } from "../oci/oci.ts";
import type { BuildState } from "./build.ts";
import { DiskBuilder, type DiskBuilderOptions } from "./disk_builder.ts";

/** A file by its text, `{ text, mode }` or `{ link }`. */
export type TestFile =
  | string
  | { readonly text: string; readonly mode: number }
  | { readonly link: string };
export type TestFiles = Readonly<Record<string, TestFile>>;

export interface TestBenchOptions {
  readonly makeImages: (home: string) => ImageStore & { start(): Promise<void> };
  readonly toolPath: string;
}

/** Builders and sources for one test, in a directory that goes with it. */
export class TestBench implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "varve-build-"));
  readonly #options: TestBenchOptions;
  readonly #parts: AsyncDisposable[] = [];
  #count = 0;

  constructor(options: TestBenchOptions) {
    this.#options = options;
  }

  /** A builder over `home`, started. */
  async makeBuilder(home = "home", options: Partial<DiskBuilderOptions> = {}) {
    const images = this.#options.makeImages(this.at(home, "images"));
    const http = new HttpClient();
    this.#parts.push(images, http);
    await images.start();
    const { toolPath } = this.#options;
    const builder = new DiskBuilder({
      ...{ images, http, toolPath, clock: systemClock, log: silentLog },
      home: this.at(home, "builder"),
      ...options,
    });
    this.#parts.push(builder);
    await builder.start();
    return { builder, images };
  }

  /** Writes a source into a new directory. */
  write(files: TestFiles): string {
    this.#count += 1;
    const root = this.at(`source-${this.#count}`);
    mkdirSync(root);
    writeFiles(root, files);
    return root;
  }

  /** A source as an archive, as `tar` makes it. */
  archive(files: TestFiles): Source {
    const root = this.write(files);
    execFileSync("tar", ["czf", `${root}.tar.gz`, "-C", root, "."]);
    return { type: "archive", url: `${root}.tar.gz` };
  }

  at(...steps: readonly string[]): string {
    return join(this.directory, ...steps);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.#parts.reverse()) await part[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function writeFiles(root: string, files: TestFiles): void {
  for (const [path, file] of Object.entries(files)) {
    const at = join(root, path);
    mkdirSync(dirname(at), { recursive: true });
    if (typeof file === "object" && "link" in file) symlinkSync(file.link, at);
    else if (typeof file === "string") writeFileSync(at, file);
    else writeFileSync(at, file.text, { mode: file.mode });
  }
}

/** How a build stands once it has ended. */
export async function endOf(builder: DiskBuilder, id: string): Promise<BuildState> {
  return await until(builder, id, ({ phase }) => phase === "Succeeded" || phase === "Failed");
}

/** How a build stands once that is as wanted; fails when it ends otherwise, or never. */
export async function until(
  builder: DiskBuilder,
  id: string,
  isWanted: (state: BuildState) => boolean,
): Promise<BuildState> {
  const { promise, resolve, reject } = Promise.withResolvers<BuildState>();
  const look = () => {
    const state = builder.state(id);
    if (state === undefined) return;
    if (isWanted(state)) resolve(state);
    else if (state.completedAt !== undefined) reject(new Error(JSON.stringify(state)));
  };
  using _watch = builder.watch(look);
  using _deadline = systemClock.after(60_000, () =>
    reject(new Error(`still ${JSON.stringify(builder.state(id))}`)),
  );
  look();
  return await promise;
}

/** What a build said, line by line: "step| text". */
export async function linesOf(builder: DiskBuilder, id: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { from, text } of builder.log(id)) lines.push(`${from}| ${text}`);
  return lines;
}

/** Where this machine has its tools. */
export function systemPath(): string {
  const path = execFileSync("sh", ["-c", 'printf %s "$PATH"'], { encoding: "utf8" });
  return path
    .split(delimiter)
    .filter((it) => !it.includes("node_modules"))
    .join(delimiter);
}

/** Whether there is such a tool. */
export function hasTool(name: string): boolean {
  try {
    execFileSync("sh", ["-c", 'command -v "$1"', "sh", name], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
