import { ApiError } from "./error.ts";

/** Where the code of a Revision comes from, when it is built here. */
export type Source = GitSource | ArchiveSource | UploadSource;

export interface GitSource {
  readonly type: "git";
  /** As `git clone` takes it: https, ssh, file, or a path on the server. */
  readonly url: string;
  /** A branch, a tag or a commit; the remote's default branch when left out. */
  readonly revision?: string;
  readonly subPath?: string;
}

export interface ArchiveSource {
  readonly type: "archive";
  /** Of a tar, tar.gz or zip: http, https, file, or a path on the server. */
  readonly url: string;
  readonly subPath?: string;
}

export interface UploadSource {
  readonly type: "upload";
  /** Of a tar or tar.gz that was uploaded before. */
  readonly digest: `sha256:${string}`;
  readonly subPath?: string;
}

const UPLOAD = /^upload:(sha256:[0-9a-f]{64})$/;
const ARCHIVE = /\.(tar|tar\.gz|tgz|zip)$/;
const GIT_URL = /^(git\+)?(https?|ssh|git|file):\/\/\S+$|^[\w.-]+@[\w.-]+:\S+$|^\/\S+$/;

/**
 * Reads the annotation `varve.dev/source`: `upload:sha256:…`, the address of an archive, or that
 * of a git repository, each with `#revision:subdirectory` behind it as Docker writes contexts.
 * Throws `BadRequest` for what is none of them.
 */
export function readSource(text: string): Source {
  const [address = "", fragment = "", ...rest] = text.split("#");
  const [revision = "", subPath = ""] = fragment.split(/:(.*)/s);
  const inside = subPath === "" ? {} : { subPath };
  if (rest.length > 0) throw unreadable(text, "there may be one '#'");
  if (/(^|\/)\.\.(\/|$)|^\//.test(subPath)) {
    throw unreadable(text, `the subdirectory "${subPath}" must be inside of the source`);
  }
  const [, digest] = UPLOAD.exec(address) ?? [];
  if (digest !== undefined) {
    if (revision !== "") throw unreadable(text, "an upload has no revisions");
    return { type: "upload", digest: digest as UploadSource["digest"], ...inside };
  }
  if (!GIT_URL.test(address)) {
    throw unreadable(
      text,
      "want upload:sha256:…, or the address of an archive or a git repository",
    );
  }
  const isGit = address.startsWith("git+") || !ARCHIVE.test(new URL(address, "file:").pathname);
  if (isGit) {
    const url = address.replace(/^git\+/, "");
    return { type: "git", url, ...(revision !== "" && { revision }), ...inside };
  }
  if (revision !== "") throw unreadable(text, "an archive has no revisions");
  return { type: "archive", url: address, ...inside };
}

/** The text that `readSource` reads as this source. */
export function writeSource(source: Source): string {
  const { subPath } = source;
  const inside = subPath === undefined ? "" : `:${subPath}`;
  if (source.type === "upload") return withFragment(`upload:${source.digest}`, inside);
  if (source.type === "archive") return withFragment(source.url, inside);
  const isPlain = !ARCHIVE.test(source.url);
  return withFragment(`${isPlain ? "" : "git+"}${source.url}`, `${source.revision ?? ""}${inside}`);
}

function withFragment(address: string, fragment: string): string {
  return fragment === "" ? address : `${address}#${fragment}`;
}

function unreadable(text: string, why: string): ApiError {
  return new ApiError("BadRequest", `Cannot read the source "${text}": ${why}`);
}
