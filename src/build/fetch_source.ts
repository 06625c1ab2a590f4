import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Source } from "../api/source.ts";
import { type ArchiveDeps, fetchArchive, fetchUpload } from "./archive_source.ts";
import { BuildError } from "./build_error.ts";
import { fetchGit } from "./git_source.ts";
import type { Work } from "./work.ts";

export interface Fetched {
  /** Where the app is: the source, or the part of it that was asked for. */
  readonly directory: string;
  /** What was fetched, exactly: a commit or a digest. */
  readonly origin: string;
}

/** Fetches a source, whatever it is, into the directory of a build. Throws `SourceMissing`. */
export async function fetchSource(source: Source, work: Work, deps: ArchiveDeps): Promise<Fetched> {
  const origin = await fetchAny(source, work, deps);
  return { origin, directory: await partOf(work.at("source"), source.subPath) };
}

/** Fetches a source into `source`, and answers with what it is, exactly. */
export async function fetchAny(source: Source, work: Work, deps: ArchiveDeps): Promise<string> {
  if (source.type === "git") return await fetchGit(source, work, deps.logins);
  if (source.type === "archive") return await fetchArchive(source, work, deps);
  return await fetchUpload(source, work, deps);
}

/** Links are followed before it is decided whether the part is inside. */
export async function partOf(source: string, subPath = "."): Promise<string> {
  const refused = (why: string) =>
    new BuildError("SourceMissing", `Cannot build the subdirectory "${subPath}": ${why}`);
  const root = await realpath(source);
  const part = await realpath(join(source, subPath)).catch(() => undefined);
  if (part === undefined) throw refused("the source has no such directory");
  if (part !== root && !part.startsWith(`${root}/`)) throw refused("it leads out of the source");
  if (!(await stat(part)).isDirectory()) throw refused("it is no directory");
  return part;
}
