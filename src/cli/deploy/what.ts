import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { isReason } from "../../api/error.ts";
import { type ArchiveSource, type GitSource, readSource } from "../../api/source.ts";
import { failure, wrongUsage } from "../failure.ts";

/** What is to be deployed. */
export type What =
  | { readonly type: "directory" | "file" | "archive"; readonly path: string }
  | { readonly type: "source"; readonly source: GitSource | ArchiveSource }
  | { readonly type: "image"; readonly image: string; readonly isGuess: boolean };

export interface WhatOptions {
  /** What relative paths begin at. */
  readonly directory: string;
  /** The branch, tag or commit of a git repository, when it is said apart. */
  readonly revision?: string | undefined;
}

/** Finds out what is meant, by what it looks like and by what is there. Throws `Failure`. */
export async function findWhat(text: string, options: WhatOptions): Promise<What> {
  const { directory, revision } = options;
  const what = (await readAddress(text, options)) ?? (await readPlace(text, directory));
  if (revision !== undefined && (what.type !== "source" || what.source.type !== "git")) {
    throw wrongUsage(`--revision is for git repositories, and "${text}" is none`);
  }
  return what;
}

const ADDRESS = /^([a-z]+\+)?[a-z]+:\/\//;
const SSH_ADDRESS = /^(git\+)?\w[\w.-]*@\w[\w.-]*:/;
const DIGEST_END = /@sha256:[0-9a-f]{64}$/;

async function readAddress(
  text: string,
  { revision }: WhatOptions,
): Promise<Extract<What, { type: "source" }> | undefined> {
  if (DIGEST_END.test(text) || !(ADDRESS.test(text) || SSH_ADDRESS.test(text))) return undefined;
  const source = readOrRefuse(text);
  if (source.type === "upload" || revision === undefined || source.type === "archive") {
    return source.type === "upload" ? undefined : { type: "source", source };
  }
  if (source.revision !== undefined && source.revision !== revision) {
    const both = `"${source.revision}" in the address, and "${revision}" by --revision`;
    throw wrongUsage(`The revision is said twice: ${both}`);
  }
  return { type: "source", source: { ...source, revision } };
}

function readOrRefuse(text: string) {
  try {
    return readSource(text);
  } catch (thrown) {
    if (isReason(thrown, "BadRequest")) throw wrongUsage(thrown.message);
    throw thrown;
  }
}

const PATH = /^(\.{1,2}|~)?\/|^\.{1,2}$/;
const ARCHIVE_END = /\.(tar|tar\.gz|tgz|zip)$/;

async function readPlace(text: string, directory: string): Promise<What> {
  const path = resolve(directory, text);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return { type: "directory", path };
  if (found?.isFile()) return { type: ARCHIVE_END.test(path) ? "archive" : "file", path };
  if (PATH.test(text)) throw failure(`There is no file or directory "${path}"`);
  if (IMAGE.test(text)) return { type: "image", image: text, isGuess: /^[^/:@.]+$/.test(text) };
  throw wrongUsage(
    `Cannot deploy "${text}": it is no file or directory here, no address and no image`,
    "Name a directory (.), a git repository (https://…/app.git), or an image (ghcr.io/me/app:1)",
  );
}

const HOST = String.raw`(?:(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::\d+)?/)?`;
const PART = String.raw`[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*`;
const TAG = String.raw`(?::\w[\w.-]{0,127})?`;
const IMAGE = new RegExp(`^${HOST}${PART}(?:/${PART})*${TAG}(?:@sha256:[0-9a-f]{64})?$`);
