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
const ARCHIVE_END = /\.(tar|tar\.gz|tgz|zip)$/;
const ARCHIVE_URL = /^(https?|file):\/\/|^\//;
const GIT_URL = /^(https?|ssh|git|file):\/\/\S+$|^\w[\w.-]*@\w[\w.-]*:[^\s-]\S*$|^\/\S+$/;
/** No option of git's, none of the characters that git forbids in names, no range. */
const REVISION = /^(?!-)(?!.*\.\.)[^\s~^:?*[\\\p{Cc}]+$/u;

/**
 * Reads the annotation `varve.dev/source`: `upload:sha256:…`, the address of an archive, or that
 * of a git repository, each with `#revision:subdirectory` behind it as Docker writes contexts.
 * What ends like an archive is one; `git+` or `archive+` before an address says it outright.
 * Throws `BadRequest` for what is none of them.
 */
export function readSource(text: string): Source {
  const [address = "", fragment = "", ...rest] = text.split("#");
  const [revision = "", subPath = ""] = fragment.split(/:(.*)/s);
  const inside = subPath === "" ? {} : { subPath };
  if (rest.length > 0) throw unreadable(text, "there may be one '#'");
  if (/(^|\/)\.\.(\/|$)|^\/|\p{Cc}/u.test(subPath)) {
    throw unreadable(text, `the subdirectory "${subPath}" must be inside of the source`);
  }
  const [, digest] = UPLOAD.exec(address) ?? [];
  if (digest !== undefined) {
    if (revision !== "") throw unreadable(text, "an upload has no revisions");
    return { type: "upload", digest: digest as UploadSource["digest"], ...inside };
  }
  const url = address.replace(/^(git|archive)\+/, "");
  if (!isAddress(url)) {
    throw unreadable(
      text,
      "want upload:sha256:…, or the address of an archive or a git repository",
    );
  }
  if (!isArchive(address, url)) {
    if (revision === "") return { type: "git", url, ...inside };
    if (REVISION.test(revision)) return { type: "git", url, revision, ...inside };
    throw unreadable(text, `the revision "${revision}" is no name of a branch, tag or commit`);
  }
  if (!ARCHIVE_URL.test(url))
    throw unreadable(text, "an archive is fetched by http, https or file");
  if (revision !== "") throw unreadable(text, "an archive has no revisions");
  return { type: "archive", url, ...inside };
}

/** `gs://BUCKET/OBJECT` as everybody may read it; other addresses are as they are. */
export function addressOf(location: string): string {
  const [, bucket, object = ""] = /^gs:\/\/([^/]+)\/(.+)$/.exec(location) ?? [];
  if (bucket === undefined) return location;
  return `https://storage.googleapis.com/${bucket}/${encodeURI(object)}`;
}

/** Why these two name nothing that git could fetch, or nothing. */
export function whyBadGit({ url, revision }: Pick<GitSource, "url" | "revision">) {
  if (!isAddress(url))
    return { field: "url", why: "want the address of a git repository" } as const;
  if (revision === undefined || REVISION.test(revision)) return undefined;
  return { field: "revision", why: "it is no name of a branch, tag, commit or ref" } as const;
}

/** Why this text is no source, or nothing. */
export function whyBadSource(text: string): string | undefined {
  try {
    readSource(text);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    return thrown.message.replace(refusal(text), "");
  }
}

/** The text that `readSource` reads as this source. */
export function writeSource(source: Source): string {
  const { subPath } = source;
  const inside = subPath === undefined ? "" : `:${subPath}`;
  if (source.type === "upload") return withFragment(`upload:${source.digest}`, inside);
  const { type, url } = source;
  const isPlain = isArchive(url, url) === (type === "archive");
  const address = isPlain ? url : `${type}+${url}`;
  const revision = type === "git" ? (source.revision ?? "") : "";
  return withFragment(address, `${revision}${inside}`);
}

function isAddress(url: string): boolean {
  return GIT_URL.test(url) && (!url.includes("://") || URL.canParse(url));
}

/** By what it says, or else by how its path ends; git alone speaks the other schemes. */
function isArchive(address: string, url: string): boolean {
  if (address !== url) return address.startsWith("archive+");
  return ARCHIVE_URL.test(url) && ARCHIVE_END.test(url.replace(/\?.*$/s, ""));
}

function withFragment(address: string, fragment: string): string {
  return fragment === "" ? address : `${address}#${fragment}`;
}

function unreadable(text: string, why: string): ApiError {
  return new ApiError("BadRequest", `${refusal(text)}${why}`);
}

function refusal(text: string): string {
  return `Cannot read the source "${text}": `;
}
