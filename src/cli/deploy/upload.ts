import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { isReason } from "../../api/error.ts";
import type { UploadSource } from "../../api/source.ts";
import { packDirectory } from "../../base/pack.ts";
import { TREE_LIMITS } from "../../base/safe_tree.ts";
import type { Server } from "../command.ts";
import { failure } from "../failure.ts";
import type { Progress } from "../progress.ts";
import type { What } from "./what.ts";

export interface UploadOptions {
  readonly server: Server;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

type Local = Extract<What, { path: string }>;
type Read = () => AsyncIterable<Uint8Array>;

/** Of an archive in which there is nothing. */
const EMPTY_TAR_BYTES = 1024;
/** How often files may change while they are packed. */
const TRIES_MAX = 3;

/** Makes an archive of what is here, and sees to it that the server has it. */
export async function uploadLocal(what: Local, options: UploadOptions): Promise<UploadSource> {
  if (what.type === "archive") {
    return await upload(what.path, () => createReadStream(what.path), options);
  }
  if (what.type === "directory") {
    return await upload(what.path, () => packed(what.path, options.signal), options);
  }
  const directory = await mkdtemp(join(tmpdir(), "varve-deploy-"));
  try {
    await copyFile(what.path, join(directory, basename(what.path)));
    return await upload(what.path, () => packed(directory, options.signal), options);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function packed(directory: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { bytesMax, entriesMax } = TREE_LIMITS;
  return packDirectory(directory, { ignoreFiles: true, bytesMax, entriesMax, signal });
}

async function upload(path: string, read: Read, options: UploadOptions): Promise<UploadSource> {
  const { progress, server, signal } = options;
  const { client, namespace } = server;
  for (let tries = 1; ; tries += 1) {
    progress.step(`packing ${path}`);
    const { digest, bytes } = await measured(read());
    if (bytes <= EMPTY_TAR_BYTES) {
      const hint = "All that is ignored by .gitignore or .varveignore is left out";
      throw failure(`There is nothing to deploy in "${path}"`, hint);
    }
    if (await client.hasUpload(namespace, digest, { signal })) return { type: "upload", digest };
    progress.step(`uploading ${inBytes(bytes)}`);
    const watched = watch(read());
    try {
      await client.upload({ namespace, digest }, watched.stream, { signal });
      return { type: "upload", digest };
    } catch (thrown) {
      if (watched.failure() !== undefined) throw watched.failure();
      if (isReason(thrown, "NotFound")) throw takesNone(server, thrown);
      // What was sent is not what was measured: somebody writes these files right now.
      if (!isReason(thrown, "BadRequest") || tries === TRIES_MAX) throw thrown;
    }
  }
}

async function measured(content: AsyncIterable<Uint8Array>) {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { digest: `sha256:${hash.digest("hex")}` as const, bytes };
}

/** A stream that remembers why it broke: the connection only knows that it did. */
function watch(content: AsyncIterable<Uint8Array>) {
  let failed: unknown;
  async function* told() {
    try {
      yield* content;
    } catch (thrown) {
      failed = thrown;
      throw thrown;
    }
  }
  return { stream: Readable.from(told(), { objectMode: false }), failure: () => failed };
}

function takesNone({ address }: Server, cause: unknown) {
  const message = `The server at ${address} takes no uploads: it may be no Varve`;
  return Object.assign(failure(message, "Deploy an image or a git repository instead"), { cause });
}

/** "34 kB", "1.2 MB". */
export function inBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let at = 0;
  for (; value >= 1000 && at < units.length - 1; at += 1) value /= 1000;
  return `${value < 10 && at > 1 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}
