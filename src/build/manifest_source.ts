import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { addressOf } from "../api/source.ts";
import { ArchiveError } from "../base/archive.ts";
import type { Clock } from "../base/clock.ts";
import { SafeTree } from "../base/safe_tree.ts";
import { t, type Value } from "../base/schema.ts";
import { read } from "../base/schema_reading.ts";
import type { ArchiveDeps } from "./archive_source.ts";
import { download, shownUrl } from "./archive_source.ts";
import type { ManifestSource } from "./build.ts";
import { MANIFEST_FILES, touch } from "./build_caches.ts";
import { BuildError } from "./build_error.ts";
import type { Work } from "./work.ts";

const MANIFEST = t.MapOf(
  t.Object({
    sourceUrl: t.String(),
    sha1Sum: t.Optional(t.String()),
    sha256Sum: t.Optional(t.String()),
    mode: t.Optional(t.Integer()),
  }),
);

type File = Value<typeof MANIFEST>[string];

/** Names of fields as those who wrote manifests have spelt them: no heed was given to capitals. */
const SPELLINGS: Readonly<Record<string, string>> = {
  sourceurl: "sourceUrl",
  sha1sum: "sha1Sum",
  sha256sum: "sha256Sum",
  filemode: "mode",
  mode: "mode",
};

interface ManifestDeps extends ArchiveDeps {
  readonly clock: Clock;
}

const MANIFEST_BYTES_MAX = 16 * 1024 * 1024;
const FILE_MODE = 0o644;

/**
 * Fetches the files of a manifest into `source`, each checked against its checksum. What an earlier
 * build has fetched is not fetched again. Answers with the digest of the manifest.
 */
export async function fetchManifest(
  { url }: ManifestSource,
  work: Work,
  { http, clock, limits }: ManifestDeps,
): Promise<string> {
  work.say(`fetching ${shownUrl(url)}`);
  const path = work.at("manifest");
  await download(http, url, { work, path, bytesMax: MANIFEST_BYTES_MAX });
  const bytes = Buffer.concat(await Array.fromAsync(createReadStream(path)));
  const root = work.at("source");
  await mkdir(root);
  const tree = new SafeTree({ root, limits, links: "refuse" });
  let fetched = 0;
  const files = readFiles(bytes.toString(), url);
  const cache = work.cache(MANIFEST_FILES);
  const getting = { work, http, clock, cache, bytesMax: limits.bytesMax };
  for (const [name, file] of files) {
    work.signal.throwIfAborted();
    const found = await fileOf(file, getting);
    fetched += found.isNew ? 1 : 0;
    const entry = { path: name, type: "file", target: "", mode: file.mode ?? FILE_MODE } as const;
    const { size } = await stat(found.path);
    try {
      await tree.put({ ...entry, bytes: size, content: createReadStream(found.path) });
    } catch (thrown) {
      if (!(thrown instanceof ArchiveError)) throw thrown;
      throw refused(url, thrown.message, thrown);
    }
  }
  work.say(`${files.length} files: ${fetched} fetched, the others were here`);
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function readFiles(text: string, url: string): readonly (readonly [string, File])[] {
  const { value, problems } = read(MANIFEST, spelt(parsed(text, url)));
  const [problem] = problems;
  if (problem !== undefined) throw refused(url, `${problem.path} ${problem.message}`);
  return Object.entries(value as Value<typeof MANIFEST>);
}

function parsed(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw refused(url, "it is no JSON: want an object of files by their paths", thrown);
  }
}

function spelt(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const files = Object.entries(value).map(([name, file]) => {
    if (typeof file !== "object" || file === null) return [name, file];
    const fields = Object.entries(file).map(([key, it]) => [
      SPELLINGS[key.toLowerCase()] ?? key,
      it,
    ]);
    return [name, Object.fromEntries(fields)];
  });
  return Object.fromEntries(files);
}

interface Getting extends Pick<ManifestDeps, "http" | "clock"> {
  readonly work: Work;
  /** Where files are kept for the next builds. */
  readonly cache: string;
  readonly bytesMax: number;
}

/** A file with the checksum that the manifest wants: from the cache, or else fetched. */
async function fileOf(file: File, { work, http, clock, cache, bytesMax }: Getting) {
  const { sourceUrl, sha1Sum, sha256Sum } = file;
  const [algorithm, wanted] = sha256Sum === undefined ? ["sha1", sha1Sum] : ["sha256", sha256Sum];
  const sum = wanted?.toLowerCase();
  const isSum = sum !== undefined && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(sum);
  if (!isSum) throw refused(sourceUrl, "its manifest gives no sha1Sum or sha256Sum for it");
  const kept = join(cache, `${algorithm}-${sum}`);
  const sumAt = async (path: string) => {
    const hash = createHash(algorithm ?? "sha1");
    await pipeline(createReadStream(path), hash, { signal: work.signal });
    return hash.digest("hex");
  };
  // A power cut may have torn it, or the disk have let it rot.
  const isWhole = touch(kept, clock) && (await sumAt(kept)) === sum;
  if (isWhole) return { path: kept, isNew: false };
  const path = work.at("file");
  await download(http, addressOf(sourceUrl), { work, path, bytesMax });
  const is = await sumAt(path);
  if (is !== sum) throw refused(sourceUrl, `its ${algorithm} is ${is}, and ${sum} is wanted`);
  // Others may be about to keep the same file.
  const aside = `${kept}.${work.at().replaceAll(/[^\w]/g, "").slice(-40)}`;
  await copyFile(path, aside);
  await rename(aside, kept);
  touch(kept, clock);
  await rm(path);
  return { path: kept, isNew: true };
}

function refused(what: string, why: string, cause?: unknown): BuildError {
  return new BuildError("SourceMissing", `Cannot fetch "${shownUrl(what)}": ${why}`, { cause });
}
