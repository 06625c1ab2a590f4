import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { GitSource } from "../../api/source.ts";
import { closest } from "../closest.ts";
import type { Variables } from "../environment.ts";
import { failure } from "../failure.ts";

export interface GitRemoteOptions {
  readonly variables: Variables;
  /** Whether git may ask for a password. */
  readonly canAsk: boolean;
  readonly signal: AbortSignal;
}

export interface Resolved {
  /** The commit, when the other side told it. */
  readonly revision?: string;
  /** Why it did not. */
  readonly trouble?: string;
}

const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
const PART_OF_COMMIT = /^[0-9a-f]{7,64}$/;
const ASK_MS_MAX = 30_000;

/**
 * Asks where a branch or a tag stands now, so that it is deployed again when it has moved, and
 * only then. Without an answer the server finds out itself, once. Throws `Failure` for what is not
 * there.
 */
export async function resolveRevision(
  { url, revision }: GitSource,
  options: GitRemoteOptions,
): Promise<Resolved> {
  if (revision !== undefined && COMMIT.test(revision)) return { revision };
  const name = revision ?? "HEAD";
  const refs = await askRemote([url, name, `${name}^{}`], options);
  if (typeof refs === "string") return { trouble: refs };
  const found = commitOf(name, refs);
  if (found !== undefined) return { revision: found };
  if (revision !== undefined && PART_OF_COMMIT.test(revision)) return { revision };
  if (revision === undefined) throw failure(`There are no commits in "${withoutLogin(url)}"`);
  const all = await askRemote([url, "refs/heads/*", "refs/tags/*"], options);
  throw notThere(url, revision, typeof all === "string" ? [] : [...all.keys()]);
}

/** As git looks for a name: tags come before branches, and a tag stands for its commit. */
function commitOf(name: string, refs: ReadonlyMap<string, string>): string | undefined {
  const places = [name, `refs/${name}`, `refs/tags/${name}`, `refs/heads/${name}`];
  const names = places.flatMap((place) => [`${place}^{}`, place]);
  return names.map((it) => refs.get(it)).find((it) => it !== undefined);
}

function notThere(url: string, revision: string, refs: readonly string[]) {
  const names = refs
    .filter((ref) => /^refs\/(heads|tags)\/.*[^}]$/.test(ref))
    .map((ref) => ref.replace(/^refs\/(heads|tags)\//, ""));
  const meant = closest(revision, names);
  const some = names.slice(0, 10).join(", ");
  return failure(
    `There is no branch or tag "${revision}" in "${withoutLogin(url)}"`,
    meant === undefined ? `There are: ${some || "none"}` : `Did you mean "${meant}"?`,
  );
}

/** The commits that names on the other side stand for, or why it does not say. */
async function askRemote(
  words: readonly string[],
  { variables, canAsk, signal }: GitRemoteOptions,
): Promise<ReadonlyMap<string, string> | string> {
  const quiet = { GIT_TERMINAL_PROMPT: "0", GIT_SSH_COMMAND: "ssh -o BatchMode=yes" };
  const env = { ...(canAsk ? {} : quiet), ...variables };
  try {
    const args = ["ls-remote", "--", ...words];
    const timeout = canAsk ? 0 : ASK_MS_MAX;
    const limits = { maxBuffer: 64 * 1024 * 1024, timeout };
    const { stdout } = await promisify(execFile)("git", args, { env, signal, ...limits });
    const lines = stdout.split("\n").map((line) => line.split("\t"));
    return new Map(lines.map(([commit = "", ref = ""]) => [ref, commit]));
  } catch (thrown) {
    signal.throwIfAborted();
    return whyNot(thrown);
  }
}

function whyNot(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if ("code" in thrown && thrown.code === "ENOENT") return "git is not installed here";
  if ("killed" in thrown && thrown.killed === true) return `no answer in ${ASK_MS_MAX / 1000} s`;
  const said = "stderr" in thrown ? String(thrown.stderr).trim() : "";
  const [first = thrown.message] = said.split("\n");
  return first.replace(/^(fatal|error): /, "");
}

/** An address as it may be shown. */
export function withoutLogin(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.username === "" && parsed.password === "")) return url;
  const kept = parsed.protocol === "ssh:" ? parsed.username : "";
  return url.replace(/\/\/[^/@]*@/, kept === "" ? "//" : `//${kept}@`);
}
