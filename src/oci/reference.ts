import { type Digest, OciError } from "./oci.ts";

/** What the name of an image says: where it is, and which one. */
export interface Reference {
  /** With the port, if it has one: "docker.io", "localhost:5000". */
  readonly host: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DEFAULT_HOST = "docker.io";
const DEFAULT_TAG = "latest";
const REPOSITORY_CHARS_MAX = 255;
const NAME_CHARS_MAX = 1024;

const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
const HOST = new RegExp(`^(?:\\[[0-9A-Fa-f:.]+\\]|${LABEL}(?:\\.${LABEL})*)(?::\\d{1,5})?$`);
const STEP = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Whether a text is a digest as we use them. */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/**
 * Reads the name of an image as Docker does: `[host[:port]/]repository[:tag][@digest]`, where
 * "nginx" is "docker.io/library/nginx:latest". Throws `NAME_INVALID`.
 */
export function readReference(name: string): Reference {
  if (name.length > NAME_CHARS_MAX)
    throw unreadable(name, `it is over ${NAME_CHARS_MAX} characters`);
  const [rest = "", digest, ...more] = name.split("@");
  if (more.length > 0) throw unreadable(name, "there may be one '@'");
  if (digest !== undefined && !isDigest(digest)) {
    throw unreadable(name, `the digest "${digest}" is not "sha256:" and 64 hexadecimal digits`);
  }
  const { host, path } = splitHost(rest);
  if (!HOST.test(host)) throw unreadable(name, `"${host}" is no host`);
  const colon = path.indexOf(":");
  const repository = colon === -1 ? path : path.slice(0, colon);
  const tag = colon === -1 ? undefined : path.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw unreadable(
      name,
      `the tag "${tag}" is not up to 128 of letters, digits, "_", "." and "-"`,
    );
  }
  const bad = repository.split("/").find((step) => !STEP.test(step));
  if (bad !== undefined) throw unreadable(name, whyNoStep(bad));
  if (repository.length > REPOSITORY_CHARS_MAX) {
    throw unreadable(name, `its repository is over ${REPOSITORY_CHARS_MAX} characters`);
  }
  const isShort = host === DEFAULT_HOST && !repository.includes("/");
  const whole = { host, repository: isShort ? `library/${repository}` : repository };
  if (digest !== undefined) return { ...whole, ...(tag !== undefined && { tag }), digest };
  return { ...whole, tag: tag ?? DEFAULT_TAG };
}

/** The one way to write a reference: two names of the same image are written the same. */
export function writeReference({ host, repository, tag, digest }: Reference): string {
  const ends = `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
  return `${host}/${repository}${ends}`;
}

/** The first step is a host when it looks like one, as in Docker. */
function splitHost(text: string): { readonly host: string; readonly path: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const isHost = /[.:A-Z]/.test(first) || first === "localhost";
  if (!isHost) return { host: DEFAULT_HOST, path: text };
  const host = first === "index.docker.io" ? DEFAULT_HOST : first;
  return { host, path: text.slice(slash + 1) };
}

function whyNoStep(step: string): string {
  if (step === "") return "a part of its repository is empty";
  if (step !== step.toLowerCase()) return `"${step}" has upper-case letters`;
  return `"${step}" is not lower-case letters and digits, with ".", "_" or "-" between them`;
}

function unreadable(name: string, why: string): OciError {
  return new OciError("NAME_INVALID", `Cannot read the image name "${name}": ${why}`);
}
