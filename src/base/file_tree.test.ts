import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type Chance, seededChance } from "./chance.ts";
import { listTree } from "./file_tree.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-tree-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("ignore files count at all levels, the deeper one and the later line first", async () => {
  make({
    ".gitignore": "*.log\n/dist/\nsecret\n",
    "app.js": "",
    "debug.log": "",
    "dist/app.js": "",
    "sub/.gitignore": "!keep.log\n/only-here\n",
    "sub/keep.log": "",
    "sub/other.log": "",
    "sub/only-here": "",
    "sub/deep/only-here": "",
    "sub/dist/x": "",
    "sub/secret/x": "",
  });
  assert.deepEqual(await pathsOf({ ignoreFiles: true }), [
    ".gitignore",
    "app.js",
    "sub/.gitignore",
    "sub/deep/only-here",
    "sub/dist/x",
    "sub/keep.log",
  ]);
});

test(".varveignore comes after .gitignore and beats it, both ways", async () => {
  make({
    ".gitignore": "dist\n",
    ".varveignore": "!dist\ntest/\n",
    "dist/app.js": "",
    "src/app.js": "",
    "src/.gitignore": "!test/\n",
    "src/test/app.js": "",
  });
  assert.deepEqual(await pathsOf({ ignoreFiles: true }), [
    ".gitignore",
    ".varveignore",
    "dist/app.js",
    "src/.gitignore",
    "src/app.js",
  ]);
});

test("what is no source is always left out, and nothing else without ignore files", async () => {
  make({
    ".git/HEAD": "",
    ".gitignore": "*",
    ".varve/store": "",
    "lib/.git": "",
    "lib/a": "",
    "lib/.svn/x": "",
    ".hg/x": "",
    "node_modules/.cache/x": "",
    "node_modules/a/x": "",
  });
  mkdirSync(join(directory, "empty"));
  symlinkSync("lib", join(directory, "link"));
  const expected = [".gitignore", "lib/a", "link", "node_modules/a/x"];
  assert.deepEqual(await pathsOf({}), expected);
  const directories = (await listTree(directory)).filter(({ type }) => type === "directory");
  assert.deepEqual(
    directories.map(({ path }) => path),
    ["empty", "lib", "node_modules", "node_modules/a"],
  );
});

const GIT = hasGit();

test("git leaves out the same files, for any rules", { skip: GIT ? false : "no git" }, async () => {
  const seed = process.pid;
  for (let round = 0; round < 12; round += 1) {
    rmSync(directory, { recursive: true });
    const files = randomTree(seededChance(seed * 100 + round));
    make(files);
    execFileSync("git", ["init", "--quiet", "--template="], { cwd: directory });
    const settings = ["-c", "core.excludesFile=/dev/null", "-c", "core.ignoreCase=false"];
    const args = [...settings, "ls-files", "-z", "--others", "--exclude-standard"];
    const said = execFileSync("git", args, { cwd: directory, encoding: "utf8" });
    const listed = await pathsOf({ ignoreFiles: true });
    const rules = Object.entries(files).filter(([, text]) => text !== "");
    const story = `seed ${seed}, round ${round}: ${JSON.stringify(rules)}`;
    assert.deepEqual(listed.toSorted(), said.split("\0").slice(0, -1).toSorted(), story);
  }
});

const NAMES = ["a", "b", "a.log", "b.log", "dist", "x y", "#c", "[d]", "A"];
const RULES = [
  ...["a", "/a", "a/", "*.log", "!a.log", "**/b", "a/**", "a/b", "a/*", "!a/b", "dist/", "x\\ y"],
  ...[
    "\\#c",
    "# a",
    "\\[d\\]",
    "[ab]",
    "!dist/",
    "/*",
    "!/a",
    "a/**/b",
    "?",
    "b.* ",
    "",
    "*",
    "!*/",
  ],
];

function randomTree(chance: Chance): Record<string, string> {
  const pick = (list: readonly string[]) => list[Math.floor(chance.fraction() * list.length)] ?? "";
  const files: Record<string, string> = {};
  for (let count = 0; count < 40; count += 1) {
    const depth = 1 + Math.floor(chance.fraction() * 4);
    const steps = Array.from({ length: depth }, () => pick(NAMES));
    const path = steps.join("/");
    const isTaken = Object.keys(files).some(
      (other) => `${other}/`.startsWith(`${path}/`) || `${path}/`.startsWith(`${other}/`),
    );
    if (isTaken) continue;
    files[path] = "";
    if (chance.fraction() < 0.7) continue;
    const rules = Array.from({ length: 3 }, () => pick(RULES));
    files[[...steps.slice(0, -1), ".gitignore"].join("/")] = `${rules.join("\n")}\n`;
  }
  return files;
}

function make(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const at = join(directory, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, text);
  }
}

/** Of files and links. */
async function pathsOf(options: { readonly ignoreFiles?: boolean }): Promise<readonly string[]> {
  const files = await listTree(directory, options);
  return files.filter(({ type }) => type !== "directory").map(({ path }) => path);
}

function hasGit(): boolean {
  try {
    execFileSync("git", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
