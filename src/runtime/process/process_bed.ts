import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemChance } from "../../base/chance.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import type { Digest, ImageStore, Manifest, RunConfig } from "../../oci/oci.ts";
import type { InstanceRecord } from "../records.ts";
import { TEST_APP } from "../test_app.ts";
import { ProcessRuntime, type ProcessRuntimeOptions } from "./process_runtime.ts";
import type { ProcessRun } from "./run.ts";

/** A script by its text, or a file by text and mode. */
export type BedFile = string | { readonly text: string; readonly mode: number };

interface ImageParts {
  readonly layers: readonly Readonly<Record<string, BedFile>>[];
  readonly config: RunConfig;
  readonly architecture: string;
}

/** What a bed needs of the images' room. */
export interface BedTools {
  readonly makeStore: (home: string) => ImageStore;
  readonly makeImage: (
    parts: ImageParts,
  ) => Promise<{ manifest: Manifest; blobs: ReadonlyMap<Digest, Buffer> }>;
}

export type BedOptions = Partial<Omit<ProcessRuntimeOptions, "home" | "images">>;

/** Where programs are on machines that tests run on. */
export const TOOL_PATH = "/usr/local/bin:/usr/bin:/bin";

export type BedRecord = InstanceRecord<ProcessRun>;

/** A directory with a runtime's home in it, which is gone with all its instances when disposed. */
export class ProcessBed implements AsyncDisposable {
  readonly home: string;
  readonly storeHome: string;
  readonly #tools: BedTools;
  readonly #images: ImageStore;
  readonly #directory = realpathSync(mkdtempSync(join(tmpdir(), "varve-runtime-")));
  readonly #opened: ProcessRuntime[] = [];
  #app: Digest | undefined;
  #unfit: Digest | undefined;

  private constructor(tools: BedTools) {
    // Instances of other users have to pass; `serve` has this umask as well.
    process.umask(0o022);
    chmodSync(this.#directory, 0o711);
    this.home = join(this.#directory, "home");
    this.storeHome = join(this.#directory, "store");
    this.#tools = tools;
    this.#images = tools.makeStore(this.storeHome);
  }

  static async make(tools: BedTools): Promise<ProcessBed> {
    const bed = new ProcessBed(tools);
    await bed.#images.start();
    bed.#app = await bed.image({ "app.mjs": TEST_APP }, { Cmd: ["node", "app.mjs"] });
    bed.#unfit = await bed.image({ hello: "world" }, { Cmd: ["hello"], Labels: {} });
    return bed;
  }

  get app(): Digest {
    return this.#app ?? "sha256:";
  }

  get unfit(): Digest {
    return this.#unfit ?? "sha256:";
  }

  /** Stores an image for plain processes. */
  async image(files: Readonly<Record<string, BedFile>>, config: RunConfig): Promise<Digest> {
    const architecture = process.arch === "x64" ? "amd64" : process.arch;
    const whole = { Labels: { "varve.dev/runtime": "process" }, ...config };
    const parts = { layers: [files], config: whole, architecture };
    const { manifest, blobs } = await this.#tools.makeImage(parts);
    for (const bytes of blobs.values()) await this.#images.putBlob(once(bytes));
    return (await this.#images.putImage(manifest)).digest;
  }

  get images(): ImageStore {
    return this.#images;
  }

  async open(options: BedOptions = {}): Promise<ProcessRuntime> {
    const runtime = this.unopened(options);
    await runtime.start();
    return runtime;
  }

  /** A runtime that somebody else starts. */
  unopened(options: BedOptions = {}): ProcessRuntime {
    const runtime = new ProcessRuntime({
      home: this.home,
      images: this.#images,
      toolPath: TOOL_PATH,
      clock: systemClock,
      chance: systemChance,
      log: silentLog,
      backoff: { firstMs: 20, mostMs: 200 },
      ...options,
    });
    this.#opened.push(runtime);
    return runtime;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const runtime of this.#opened) await runtime[Symbol.asyncDispose]();
    await using last = await this.open();
    await last.stopAll();
    await last[Symbol.asyncDispose]();
    await this.#images[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true });
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
