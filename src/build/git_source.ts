import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import type { GitSource } from "../api/source.ts";
import type { Logins } from "./build.ts";
import { BuildError, lastWords } from "./build_error.ts";
import { gitSettingsOf, writeLogins } from "./logins.ts";
import { StepError } from "./step.ts";
import type { Work } from "./work.ts";

const COMMIT = /^[0-9a-f]{4,64}$/;
/** The repository of another user on this machine may be read: nothing in it is executed. */
const SETTINGS = "[advice]\n\tdetachedHead = false\n[safe]\n\tdirectory = *\n";
const LOCAL_SETTINGS = '[protocol "file"]\n\tallow = always\n';
const NO_LOGINS: Logins = { git: [], docker: [] };
const IS_LOCAL = /^(file:\/\/|\/)/;

/**
 * Fetches one commit of a repository into `source`, as little of its history as the other side
 * lets us, with its submodules. Answers with the commit.
 */
export async function fetchGit(
  source: GitSource,
  work: Work,
  logins: Logins = NO_LOGINS,
): Promise<string> {
  const { url, revision = "HEAD" } = source;
  if (revision.startsWith("-")) {
    throw new BuildError("SourceMissing", `"${revision}" is no revision of a git repository`);
  }
  hideLogin(url, work);
  const git = new Git(work, IS_LOCAL.test(url), logins);
  try {
    await git.prepare(url);
    const start = await fetchRevision(git, revision);
    await git.run(["checkout", "--quiet", "--detach", start]);
    await git.run(["log", "-1", "--format=%H %an, %ad: %s"]);
    if (existsSync(work.at("source", ".gitmodules"))) await fetchSubmodules(git);
    return await git.ask(["rev-parse", "HEAD"]);
  } catch (thrown) {
    if (!(thrown instanceof StepError) || thrown.isDiskFull) throw thrown;
    const what = revision === "HEAD" ? `"${url}"` : `"${revision}" of "${url}"`;
    const message = work.withoutSecrets(`Cannot fetch ${what}: ${lastWords(thrown)}`);
    throw new BuildError("SourceMissing", message, { cause: thrown });
  }
}

/** Git in the directory of the source, with none of this machine's settings. */
class Git {
  readonly #work: Work;
  readonly #isLocal: boolean;
  readonly #logins: Logins;

  constructor(work: Work, isLocal: boolean, logins: Logins) {
    this.#work = work;
    this.#isLocal = isLocal;
    this.#logins = logins;
  }

  async prepare(url: string): Promise<void> {
    // What comes from elsewhere must not lead git to the files of this machine.
    const local = this.#isLocal ? LOCAL_SETTINGS : "";
    const home = this.#work.at("home");
    await writeLogins(this.#logins, { directory: home, home });
    const settings = `${SETTINGS}${local}${gitSettingsOf(this.#logins)}`;
    await writeFile(this.#work.at("home", ".gitconfig"), settings);
    await mkdir(this.#work.at("source"));
    await this.run(["init", "--quiet", "--template="]);
    await this.run(["remote", "add", "origin", url]);
  }

  async run(args: readonly string[]): Promise<void> {
    await this.#git(args, false);
  }

  async ask(args: readonly string[]): Promise<string> {
    return (await this.#git(args, true)).trim();
  }

  /** It looks for its settings in the home of the user, whatever `HOME` says. */
  #ssh(): string {
    const hasKeys = this.#logins.git.some(({ type }) => type === "ssh");
    const config = this.#work.at("home", ".ssh", "config").replaceAll("'", "'\\''");
    return `ssh -oBatchMode=yes${hasKeys ? ` -F '${config}'` : ""}`;
  }

  async #git(args: readonly string[], isAsked: boolean): Promise<string> {
    return await this.#work.run(["git", ...args], {
      isAsked,
      env: {
        GIT_TERMINAL_PROMPT: "0",
        GIT_ASKPASS: "true",
        GIT_SSH_COMMAND: this.#ssh(),
        GIT_CONFIG_NOSYSTEM: "1",
      },
    });
  }
}

/** What to check out once it is here. */
async function fetchRevision(git: Git, revision: string): Promise<string> {
  try {
    await git.run(["fetch", "--depth=1", "--no-tags", "origin", revision]);
    return "FETCH_HEAD";
  } catch (thrown) {
    if (!(thrown instanceof StepError)) throw thrown;
    const isCommit = COMMIT.test(revision);
    // Some servers give no part of a history, and none gives a commit by the start of its name.
    if (!isCommit && !/shallow/i.test(lastWords(thrown))) throw thrown;
    if (!isCommit) {
      await git.run(["fetch", "--no-tags", "origin", revision]);
      return "FETCH_HEAD";
    }
    const all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
    await git.run(["fetch", "--no-tags", "origin", ...all]);
    const found = git.ask(["rev-parse", "--verify", "--quiet", `${revision}^{commit}`]);
    // What the other side said to the name as it is says more than that it is none here.
    return await found.catch((again) =>
      Promise.reject(again instanceof StepError ? thrown : again),
    );
  }
}

async function fetchSubmodules(git: Git): Promise<void> {
  const update = ["submodule", "update", "--init", "--recursive"];
  try {
    await git.run([...update, "--depth=1"]);
  } catch (thrown) {
    if (!(thrown instanceof StepError)) throw thrown;
    // The commit they stand at need not be the tip of anything.
    await git.run(update);
  }
}

/** Shorter names without a password are no tokens, but words that the log may need. */
const TOKEN_CHARS_MIN = 16;

function hideLogin(url: string, work: Work): void {
  const { username = "", password = "" } = URL.parse(url) ?? {};
  const secret = username.length < TOKEN_CHARS_MIN ? password : username;
  for (const text of [password, secret]) {
    work.hide(text);
    work.hide(decodeURIComponent(text));
  }
}
