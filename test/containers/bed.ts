import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { TAR_END, tarHeads, tarPadding } from "../../src/base/archive.ts";
import { systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { DiskImageStore } from "../../src/oci/disk.ts";
import type { Descriptor, Digest, ImageStore, RunConfig } from "../../src/oci/oci.ts";
import { digestOf, type TestImage } from "../../src/oci/test_image.ts";
import {
  ContainerRuntime,
  type ContainerRuntimeOptions,
} from "../../src/runtime/container/container_runtime.ts";
import type { RuntimeBed } from "../../src/runtime/runtime.suite.ts";
import { TEST_APP } from "../../src/runtime/test_app.ts";
import { OwnEngine, whyNoEngine } from "./engine.ts";

/** The first process of a container ends by a signal only when it says so. */
const APP = `process.on("SIGTERM", () => process.exit(143));\n${TEST_APP}`;

/** Paths in an image, and what is there: a text, a file of this machine, or a directory. */
export type Files = Readonly<Record<string, File>>;

type File = string | { readonly from: string } | { readonly directoryMode: number };

/** The programs of Node for an image made from nothing: itself, and the libraries it asks for. */
export function nodeFiles(): Files {
  const node = realpathSync(process.execPath);
  const listed = execFileSync("ldd", [node], { encoding: "utf8" });
  const libraries = [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
  const files = libraries.map((path) => [path.slice(1), { from: realpathSync(path) }] as const);
  return { "usr/bin/node": { from: node }, ...Object.fromEntries(files) };
}

async function tarOf(files: Files): Promise<Buffer> {
  const headOf = await tarHeads();
  const blocks = Object.entries(files).flatMap(([path, file]) => {
    if (typeof file === "object" && "directoryMode" in file) {
      return headOf({ path, type: "directory", mode: file.directoryMode, bytes: 0 });
    }
    const content = typeof file === "string" ? Buffer.from(file) : readFileSync(file.from);
    const head = headOf({ path, type: "file", mode: 0o755, bytes: content.length });
    return [head, content, tarPadding(content.length)];
  });
  return Buffer.concat([...blocks, TAR_END]);
}

let programs: Promise<Buffer> | undefined;

export interface ImageParts {
  readonly files: Files;
  readonly config: RunConfig;
  readonly hasNode?: boolean;
  readonly architecture?: string;
}

/** Makes an image: what Node needs in a plain layer, and the files in one of zstd. */
export async function makeImage(parts: ImageParts): Promise<TestImage> {
  const { files, config, hasNode = true, architecture = architectureOf() } = parts;
  programs ??= tarOf(nodeFiles());
  const tars = [...(hasNode ? [await programs] : []), await tarOf(files)];
  const blobs = new Map<Digest, Buffer>();
  const put = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const oci = "application/vnd.oci.image";
  const layers = tars.map((tar, at) => {
    const isZstd = at === tars.length - 1;
    const bytes = isZstd ? zstdCompressSync(tar) : tar;
    return put(`${oci}.layer.v1.tar${isZstd ? "+zstd" : ""}`, bytes);
  });
  const rootfs = { type: "layers", diff_ids: tars.map(digestOf) } as const;
  const whole = { os: "linux", architecture, config, rootfs };
  const manifest = {
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: put(`${oci}.config.v1+json`, Buffer.from(JSON.stringify(whole))),
    layers,
  } as const;
  const { digest } = put(manifest.mediaType, Buffer.from(JSON.stringify(manifest)));
  return { digest, manifest, config: whole, blobs };
}

async function storeImage(images: ImageStore, parts: ImageParts): Promise<Digest> {
  const { manifest, blobs } = await makeImage(parts);
  for (const bytes of blobs.values()) await images.putBlob(once(bytes));
  return (await images.putImage(manifest)).digest;
}

function architectureOf(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}

type BedOptions = Partial<Omit<ContainerRuntimeOptions, "home" | "images">>;

/** A home for container runtimes, over the engine of a test. */
export class ContainerBed implements RuntimeBed {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), "varve-containers-")));
  readonly images = new DiskImageStore({ home: join(this.directory, "store") });
  readonly #engine: OwnEngine;
  readonly #opened: ContainerRuntime[] = [];
  app: Digest = "sha256:";
  unfit: Digest = "sha256:";

  private constructor(engine: OwnEngine) {
    this.#engine = engine;
  }

  static async make(engine: OwnEngine): Promise<ContainerBed> {
    const bed = new ContainerBed(engine);
    await bed.images.start();
    const config = { Cmd: ["node", "/app.mjs"], Env: ["PATH=/usr/bin"] };
    bed.app = await bed.image({ "app.mjs": APP }, config);
    const other = { files: { hello: "" }, config: { Cmd: ["/hello"] }, hasNode: false };
    bed.unfit = await storeImage(bed.images, { ...other, architecture: "s390x" });
    return bed;
  }

  image(files: Files, config: RunConfig): Promise<Digest> {
    return storeImage(this.images, { files, config });
  }

  async open(options: BedOptions = {}): Promise<ContainerRuntime> {
    const runtime = new ContainerRuntime({
      home: join(this.directory, "home"),
      images: this.images,
      addresses: [this.#engine.address],
      clock: systemClock,
      chance: systemChance,
      log: silentLog,
      backoff: { firstMs: 20, mostMs: 200 },
      ...options,
    });
    this.#opened.push(runtime);
    await runtime.start();
    return runtime;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const runtime of this.#opened) await runtime[Symbol.asyncDispose]();
    await using last = await this.open();
    await last.stopAll();
    await last.whyNot(this.app);
    await last.collect(new Set());
    await last[Symbol.asyncDispose]();
    await this.images[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true });
  }
}

/**
 * The engine of a suite, begun before its tests and ended behind them. Where none can be, the
 * options have its tests skipped, and say why.
 */
export function engineOfSuite() {
  const why = whyNoEngine();
  let own: OwnEngine | undefined;
  before(async () => {
    if (why === undefined) own = await OwnEngine.start();
  });
  after(async () => {
    await own?.[Symbol.asyncDispose]();
  });
  const engine = () => {
    if (own === undefined) throw new Error("the engine of the suite has not begun");
    return own;
  };
  const options = { skip: why ?? false };
  return { engine, options, makeBed: () => ContainerBed.make(engine()) };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
