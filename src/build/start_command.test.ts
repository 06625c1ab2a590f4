import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { entrypointOf, mainPaths, nodeEntrypoint } from "./start_command.ts";

const NO_BINS: ReadonlySet<string> = new Set();
const PATH = 'export PATH="$PWD/node_modules/.bin:$PATH"; ';

for (const { command, script } of [
  { command: "node server.js", script: undefined },
  { command: "node --enable-source-maps dist/main.js --name=a,b", script: undefined },
  { command: "./serve -p 80", script: undefined },
  { command: "node a.js $PORT", script: "exec node a.js $PORT" },
  { command: "A=1 node a.js", script: "A=1 exec node a.js" },
  { command: `A="x y" B='z' node "a b.js"`, script: `A="x y" B='z' exec node "a b.js"` },
  { command: "cd server && node a.js", script: "cd server && exec node a.js" },
  { command: "a; b; node 'c;d.js'", script: "a; b; exec node 'c;d.js'" },
  { command: "node a.js 2>&1", script: "exec node a.js 2>&1" },
  { command: "cd server", script: "cd server" },
  { command: "A=1", script: "A=1" },
  { command: "exec node a.js", script: "exec node a.js" },
  { command: "node a.js | tee log", script: "node a.js | tee log" },
  { command: "a || node b.js", script: "a || node b.js" },
  { command: "a & node b.js", script: "a & node b.js" },
  { command: "node $(cat main)", script: "node $(cat main)" },
  { command: 'echo "$(a; b)"', script: 'echo "$(a; b)"' },
  { command: "if true; then node a.js; fi", script: "if true; then node a.js; fi" },
  { command: "node a.js # && b", script: "node a.js # && b" },
  { command: "(cd a; node b.js)", script: "(cd a; node b.js)" },
]) {
  test(`"${command}" starts ${script === undefined ? "by itself" : "through a shell"}`, () => {
    const expected = script === undefined ? command.split(" ") : ["sh", "-c", script];
    assert.deepEqual(entrypointOf(command, { bins: NO_BINS }), expected);
  });
}

test("tools of the app come first, but Node needs no shell to find itself", () => {
  const bins = new Set(["next"]);
  assert.deepEqual(entrypointOf("node a.js", { bins }), ["node", "a.js"]);
  assert.deepEqual(entrypointOf("next start", { bins }), ["sh", "-c", `${PATH}exec next start`]);
});

test("what comes before a start runs in a shell of its own, and stops it when it fails", () => {
  const before = "cd / && echo before # $PORT";
  const made = entrypointOf("pwd", { before, bins: NO_BINS });
  assert.deepEqual(made, ["sh", "-c", `(${before}\n) && exec pwd`]);
  assert.equal(outputOf(made), `before\n${process.cwd()}\n`);
  assert.throws(() => outputOf(entrypointOf("pwd", { before: "false", bins: NO_BINS })));
});

test("a shell that gives way does the same as one that does not", () => {
  for (const command of [
    "A=1 env | grep ^A=",
    "A=1 B='2 3' printenv B",
    "cd / && pwd",
    "x=5; echo $x",
    "echo 'a && b'; echo \"c; d\"",
    "true && echo a\\;b",
    "echo one && echo two",
    "false || echo three",
    "for i in 1 2; do echo $i; done",
    'echo "$(echo a; echo b)"',
  ]) {
    const made = entrypointOf(command, { bins: NO_BINS, isShell: true });
    assert.equal(outputOf(made), outputOf(["sh", "-c", command]), command);
  }
});

test("a Node app starts by its script, or else by server.js, or else by its main file", () => {
  const plain = { scripts: {}, hasDependencies: false, hasDevDependencies: false };
  const start = (files: readonly string[], more: object = {}) =>
    nodeEntrypoint({ ...plain, ...more }, (path) => files.includes(path), NO_BINS);
  const scripts = { start: "node x.js", prestart: "echo hi" };
  assert.deepEqual(start(["server.js"], { scripts }), [
    "sh",
    "-c",
    "(echo hi\n) && exec node x.js",
  ]);
  assert.deepEqual(start(["server.js", "index.js"]), ["node", "server.js"]);
  assert.deepEqual(start(["index.js"]), ["node", "index.js"]);
  assert.deepEqual(start(["lib/index.js"], { main: "./lib" }), ["node", "lib/index.js"]);
  assert.deepEqual(start(["lib/a.js"], { main: "lib/a" }), ["node", "lib/a.js"]);
  assert.deepEqual(mainPaths({ ...plain, main: "." }), ["index.js"]);
  assert.equal(start(["other.js"], { main: "lib" }), undefined);
});

function outputOf([file = "", ...args]: readonly string[]): string {
  return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}
