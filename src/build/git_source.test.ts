import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { GitSource } from "../api/source.ts";
import { DiskImageStore } from "../oci/disk.ts";
import { type TestTree, treeOf } from "../oci/test_tree.ts";
import { endOf, hasTool, linesOf, systemPath, TestBench, writeFiles } from "./test_builder.ts";

let bench: TestBench;
beforeEach(() => {
  const makeImages = (home: string) => new DiskImageStore({ home });
  bench = new TestBench({ makeImages, toolPath: systemPath() });
});
afterEach(() => bench[Symbol.asyncDispose]());

const GIT = { skip: hasTool("git") ? false : "there is no git on the PATH" };
const WEB = { Procfile: "web: sh run.sh\n" };

test("a branch, a tag, a commit and its start are fetched, and told as a commit", GIT, async () => {
  const repository = makeRepository("repository");
  const first = repository.commit({ ...WEB, version: "1" });
  repository.git("tag", "-a", "v1", "-m", "one");
  const second = repository.commit({ version: "2" });
  repository.git("checkout", "--quiet", "-b", "feature/x", first);
  const third = repository.commit({ version: "3" });
  repository.git("checkout", "--quiet", "main");
  const { path: url } = repository;
  for (const [revision, commit, version] of [
    [undefined, second, "2"],
    ["main", second, "2"],
    ["feature/x", third, "3"],
    ["v1", first, "1"],
    [first, first, "1"],
    [first.slice(0, 7), first, "1"],
  ] as const) {
    const source = { type: "git", url, ...(revision !== undefined && { revision }) } as const;
    const built = await build(source);
    assert.equal(built.origin, commit, `revision ${revision}`);
    assert.deepEqual(built.app, { ...WEB, version });
  }
});

test("of a long history only as much is fetched as is needed", GIT, async () => {
  const repository = makeRepository("repository");
  for (const version of ["1", "2", "3"]) repository.commit({ ...WEB, version });
  const source = { type: "git", url: `file://${repository.path}`, revision: "main" } as const;
  const { lines } = await build(source);
  const fetches = lines.filter((line) => line.includes("$ git fetch"));
  assert.deepEqual(fetches, ["fetch| $ git fetch --depth=1 --no-tags origin main"]);
});

test("submodules come along, and a subdirectory is all that is built", GIT, async () => {
  const part = makeRepository("part");
  part.commit({ hello: "from the part" });
  const whole = makeRepository("whole");
  whole.commit({ "web/Procfile": WEB.Procfile });
  const allow = ["-c", "protocol.file.allow=always"];
  whole.git(...allow, "submodule", "--quiet", "add", "../part", "web/part");
  whole.git("commit", "--quiet", "-m", "part");
  const { app } = await build({ type: "git", url: whole.path, subPath: "web" });
  assert.deepEqual(app, { ...WEB, part: { hello: "from the part" } });
});

test("a server that only has files, and knows no git, is read as well", GIT, async () => {
  const repository = makeRepository("repository");
  const commit = repository.commit(WEB);
  repository.git("update-server-info");
  const root = join(repository.path, ".git");
  const server = createServer((request, response) => {
    const path = join(root, (request.url ?? "").replace(/\?.*$/, ""));
    if (existsSync(path) && lstatSync(path).isFile()) response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const source = { type: "git", url: `http://127.0.0.1:${port}`, revision: "main" } as const;
    const { origin, app } = await build(source);
    assert.deepEqual({ origin, app }, { origin: commit, app: WEB });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("what git cannot find is told in its own words", GIT, async () => {
  const repository = makeRepository("repository");
  repository.commit(WEB);
  const { path: url } = repository;
  for (const [source, message] of [
    [{ url, revision: "nowhere" }, /^Cannot fetch "nowhere" of ".*": fatal: couldn't find remote/],
    [
      { url, revision: "abcdef1" },
      /^Cannot fetch "abcdef1" of ".*": fatal: couldn't find remote ref abcdef1/,
    ],
    [{ url: bench.at("none") }, /^Cannot fetch ".*none": fatal: .*does not appear to be a git/s],
    [{ url, subPath: "none" }, /^Cannot build the subdirectory "none": the source has no such/],
    [{ url, subPath: "Procfile" }, /^Cannot build the subdirectory "Procfile": it is no direct/],
    [{ url, revision: "--upload-pack=touch /tmp/evil" }, /is no revision of a git repository/],
  ] as const) {
    const state = await attempt({ type: "git", ...source });
    assert.equal(state.reason, "SourceMissing");
    assert.match(state.message ?? "", message);
  }
});

test("a link of a repository cannot lead a build to the files of this server", GIT, async () => {
  const repository = makeRepository("repository");
  mkdirSync(bench.at("outside"));
  writeFiles(bench.at("outside"), { ...WEB, secret: "1" });
  repository.commit({ out: { link: bench.at("outside") }, ...WEB });
  const { path: url } = repository;
  const inside = await attempt({ type: "git", url, subPath: "out" });
  assert.equal(inside.message, 'Cannot build the subdirectory "out": it leads out of the source');
  const whole = await attempt({ type: "git", url });
  const target = bench.at("outside");
  assert.equal(whole.reason, "BuildStepFailed");
  assert.equal(
    whole.message,
    `Step "detect" failed: "out" is a link to "${target}", which is not in the source`,
  );
});

test("the password of an address is neither in the log nor in the message", GIT, async () => {
  const url = "http://me:pa55%20word@127.0.0.1:1/x.git";
  const state = await attempt({ type: "git", url });
  assert.equal(state.reason, "SourceMissing");
  const text = [state.message, ...(await linesOf(state.builder, "a"))].join("\n");
  assert.match(text, /127\.0\.0\.1/);
  assert.doesNotMatch(text, /pa55/);
});

test("without git on the path of tools, that is what is said", async () => {
  const { builder } = await bench.makeBuilder("home", { toolPath: "/nowhere" });
  builder.build({ id: "a", source: { type: "git", url: bench.at("x") } });
  const { reason, message } = await endOf(builder, "a");
  assert.equal(reason, "SourceMissing");
  assert.match(message ?? "", /"git" is not on this server's path of tools/);
});

async function attempt(source: GitSource) {
  const { builder, images } = await bench.makeBuilder();
  await builder.forget("a");
  builder.build({ id: "a", source });
  return { ...(await endOf(builder, "a")), builder, images };
}

let unpacked = 0;

async function build(source: GitSource) {
  const { image, origin, message, builder, images } = await attempt(source);
  assert(image !== undefined, message);
  unpacked += 1;
  const to = bench.at(`to-${unpacked}`);
  await images.unpack(image, to);
  return { origin, app: treeOf(to)["app"] as TestTree, lines: await linesOf(builder, "a") };
}

function makeRepository(name: string) {
  const path = bench.at(name);
  mkdirSync(path);
  const identity = ["-c", "user.name=Me", "-c", "user.email=me@a.example"];
  const git = (...args: string[]) =>
    execFileSync("git", [...identity, ...args], { cwd: path, encoding: "utf8" }).trim();
  git("init", "--quiet", "--initial-branch=main");
  return {
    path,
    git,
    commit(files: Parameters<typeof writeFiles>[1]) {
      writeFiles(path, files);
      git("add", "--all");
      git("commit", "--quiet", "-m", "more");
      return git("rev-parse", "HEAD");
    },
  };
}
