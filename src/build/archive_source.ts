import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import type { ArchiveSource, UploadSource } from "../api/source.ts";
import { ArchiveError } from "../base/archive.ts";
import { isMissing } from "../base/durable_file.ts";
import { extractArchive } from "../base/extract.ts";
import { type HttpClient, HttpError } from "../base/http_client.ts";
import type { TreeLimits } from "../base/safe_tree.ts";
import { type Digest, type ImageStore, OciError } from "../oci/oci.ts";
import type { Logins } from "./build.ts";
import { BuildError } from "./build_error.ts";
import type { Work } from "./work.ts";

export interface ArchiveDeps {
  readonly http: HttpClient;
  readonly images: ImageStore;
  readonly limits: TreeLimits;
  /** A single directory at the top of an archive stays, instead of being taken for the whole. */
  readonly keepsTop?: boolean;
  /** For repositories. */
  readonly logins?: Logins;
}

/** Fetches an archive and extracts it into `source`. Answers with its digest. */
export async function fetchArchive(
  { url }: ArchiveSource,
  work: Work,
  { http, limits, keepsTop = false }: ArchiveDeps,
): Promise<Digest> {
  const shown = shownUrl(url);
  work.say(`fetching ${shown}`);
  const path = /^https?:/.test(url) ? work.at("archive") : pathOf(url);
  if (/^https?:/.test(url)) await download(http, url, { work, path, bytesMax: limits.bytesMax });
  else await checkFile(path, shown, limits.bytesMax);
  const digest = await digestOf(path, work.signal);
  work.say(`extracting ${digest}`);
  await extracted(`"${shown}"`, async () => {
    const options = { limits, signal: work.signal, stripsSingleDirectory: !keepsTop };
    await extractArchive(path, work.at("source"), options);
  });
  return digest;
}

/** Extracts what was uploaded before into `source`. Answers with its digest. */
export async function fetchUpload(
  { digest }: UploadSource,
  work: Work,
  { images, limits }: ArchiveDeps,
): Promise<Digest> {
  work.say(`extracting upload ${digest}`);
  await extracted(`the upload ${digest}`, async () => {
    const blob = await images.readBlob(digest);
    await extractArchive(blob, work.at("source"), { limits, signal: work.signal });
  });
  return digest;
}

interface Download {
  readonly work: Work;
  readonly path: string;
  readonly bytesMax: number;
}

/** Fetches what is at an address into a file. Throws `SourceMissing`. */
export async function download(
  http: HttpClient,
  url: string,
  { work, path, bytesMax }: Download,
): Promise<void> {
  const shown = shownUrl(url);
  try {
    const response = await http.send({ url, bodyBytesMax: bytesMax, signal: work.signal });
    if (response.status !== 200) {
      const words = (await response.text()).trim().slice(0, 200);
      const said = words === "" || words.startsWith("<") ? "" : `: ${words}`;
      throw missing(shown, `${response.url.host} answered ${response.status}${said}`);
    }
    await pipeline(response.body, createWriteStream(path));
  } catch (thrown) {
    if (thrown instanceof HttpError) throw missing(shown, thrown.message, thrown);
    throw thrown;
  }
}

async function checkFile(path: string, shown: string, bytesMax: number): Promise<void> {
  const found = await stat(path).catch((thrown: unknown) => {
    if (isMissing(thrown)) throw missing(shown, "there is no such file on this server");
    throw thrown;
  });
  if (!found.isFile()) throw missing(shown, "it is no file");
  if (found.size > bytesMax) {
    throw missing(shown, `it has ${found.size} bytes, and a source at most ${bytesMax}`);
  }
}

async function digestOf(path: string, signal: AbortSignal): Promise<Digest> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash, { signal });
  return `sha256:${hash.digest("hex")}`;
}

async function extracted(what: string, extract: () => Promise<void>): Promise<void> {
  try {
    await extract();
  } catch (thrown) {
    if (thrown instanceof ArchiveError) {
      const message = `Cannot extract ${what}: ${thrown.message}`;
      throw new BuildError("SourceMissing", message, { cause: thrown });
    }
    if (!(thrown instanceof OciError) || thrown.reason !== "BLOB_UNKNOWN") throw thrown;
    const message = `Cannot find ${what}: it is not on this server; upload it again`;
    throw new BuildError("SourceMissing", message, { cause: thrown });
  }
}

function missing(shown: string, why: string, cause?: unknown): BuildError {
  return new BuildError("SourceMissing", `Cannot fetch "${shown}": ${why}`, { cause });
}

/** Without a password, and without what may be a token. */
export function shownUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || url.protocol === "file:") return text;
  return `${url.origin}${url.pathname}`;
}

function pathOf(url: string): string {
  return url.startsWith("file:") ? fileURLToPath(url) : url;
}
