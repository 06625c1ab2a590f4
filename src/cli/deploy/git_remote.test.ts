import assert from "node:assert/strict";
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { resolveRevision, withoutLogin } from "./git_remote.ts";

let directory = "";
let url = "";
const commits: string[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varve-git-"));
  url = `file://${directory}`;
  git("init", "-q", "-b", "main");
  for (const message of ["one", "two"]) {
    git("commit", "-q", "--allow-empty", "-m", message);
    commits.push(git("rev-parse", "HEAD"));
    git("tag", "-a", "-m", message, `v-${message}`);
  }
  git("branch", "feature/x", "v-one");
});
after(() => rm(directory, { recursive: true }));

const NAMES = [
  { name: undefined, commit: 1 },
  { name: "main", commit: 1 },
  { name: "feature/x", commit: 0 },
  { name: "v-one", commit: 0 },
  { name: "refs/heads/feature/x", commit: 0 },
];
for (const { name, commit } of NAMES) {
  test(`${name ?? "the default branch"} is resolved to its commit`, async () => {
    assert.deepEqual(await resolved(name), { revision: commits[commit] });
  });
}

test("a commit is itself, and so is the beginning of one", async () => {
  const [first = ""] = commits;
  assert.deepEqual(await resolved(first), { revision: first });
  assert.deepEqual(await resolved(first.slice(0, 9)), { revision: first.slice(0, 9) });
});

test("a name that is not there is refused, with what may have been meant", async () => {
  await assert.rejects(resolved("v-on"), (thrown: Error & { readonly hints: unknown }) => {
    assert.equal(thrown.message, `There is no branch or tag "v-on" in "${url}"`);
    assert.deepEqual(thrown.hints, ['Did you mean "v-one"?']);
    return true;
  });
  await assert.rejects(resolved("nothing-like-it"), (thrown: Error & { hints: unknown }) => {
    assert.deepEqual(thrown.hints, ["There are: feature/x, main, v-one, v-two"]);
    return true;
  });
});

test("without an answer it is said why, and nothing is decided", async () => {
  const lost = await resolveRevision({ type: "git", url: "file:///no/such" }, options());
  assert.match(lost.trouble ?? "", /\/no\/such/);
  const none = { ...options(), variables: { PATH: "/nowhere" } };
  const missing = await resolveRevision({ type: "git", url }, none);
  assert.deepEqual(missing, { trouble: "git is not installed here" });
});

test("an address is shown without its password", () => {
  assert.equal(withoutLogin("https://me:secret@a.b/c.git#x"), "https://a.b/c.git#x");
  assert.equal(withoutLogin("ssh://git@a.b/c.git"), "ssh://git@a.b/c.git");
  assert.equal(withoutLogin("git@a.b:c.git"), "git@a.b:c.git");
});

async function resolved(revision: string | undefined) {
  const source = { type: "git", url, ...(revision !== undefined && { revision }) } as const;
  return await resolveRevision(source, options());
}

function options() {
  const { signal } = new AbortController();
  return { variables: { PATH: process.env["PATH"] }, canAsk: false, signal };
}

const QUIETLY: ExecFileSyncOptionsWithStringEncoding = {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "ignore"],
};

function git(...args: readonly string[]): string {
  const who = ["-c", "user.name=me", "-c", "user.email=me@example.com"];
  return execFileSync("git", ["-C", directory, ...who, ...args], QUIETLY).trim();
}
