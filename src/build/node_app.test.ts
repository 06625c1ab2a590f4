import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Source } from "../api/source.ts";
import { DiskImageStore } from "../oci/disk.ts";
import { treeOf } from "../oci/test_tree.ts";
import type { DiskBuilderOptions } from "./disk_builder.ts";
import { endOf, hasTool, linesOf, systemPath, TestBench, type TestFiles } from "./test_builder.ts";

let bench: TestBench;
beforeEach(() => {
  const makeImages = (home: string) => new DiskImageStore({ home });
  bench = new TestBench({ makeImages, toolPath: systemPath() });
});
afterEach(() => bench[Symbol.asyncDispose]());

const NPM = { skip: hasTool("npm") ? false : "there is no npm on the PATH" };
const NOTHING = { toolPath: "/nowhere" };

/** An app with a dependency and one for development only, both beside it, and a lockfile. */
const APP = (manifest: object): TestFiles => {
  const dependencies = { "left-over": "file:packages/left-over" };
  const devDependencies = { "make-it": "file:packages/make-it" };
  const packages = ["left-over", "make-it"].flatMap((name) => [
    [`packages/${name}`, { version: "1.0.0", ...(name === "make-it" && { dev: true, bin: BIN }) }],
    [
      `node_modules/${name}`,
      { resolved: `packages/${name}`, link: true, ...(name === "make-it" && { dev: true }) },
    ],
  ]);
  const root = { name: "app", version: "1.0.0", dependencies, devDependencies };
  const lock = { name: "app", version: "1.0.0", lockfileVersion: 3, requires: true };
  return {
    "package.json": JSON.stringify({ ...root, ...manifest }),
    "package-lock.json": JSON.stringify({
      ...lock,
      packages: { "": root, ...Object.fromEntries(packages) },
    }),
    "server.js": `
    const { env, stdout } = require("process");
    stdout.write(require("left-over") + " " + env.NODE_ENV + "\\n");
  `,
    "packages/left-over/package.json": '{"name":"left-over","version":"1.0.0"}',
    "packages/left-over/index.js": 'module.exports = "from the dependency";',
    "packages/make-it/package.json": JSON.stringify({
      name: "make-it",
      version: "1.0.0",
      bin: BIN,
    }),
    "packages/make-it/make.js": MAKE,
  };
};
const BIN = { "make-it": "make.js" };
const MAKE = `#!/usr/bin/env node
require("fs").mkdirSync("dist");
require("fs").writeFileSync("dist/main.js", "process.stdout.write('made by ' + process.version)");
`;

test("an app that needs nothing is built without any tool, and told what it expects", async () => {
  const engines = { node: "^1.2.3" };
  const { image, app, lines } = await build(
    bench.archive({ "package.json": JSON.stringify({ name: "a", engines }), "server.js": "" }),
    NOTHING,
  );
  assert.deepEqual(image.config.config, {
    Entrypoint: ["node", "server.js"],
    Env: ["NODE_ENV=production", "npm_package_name=a"],
    WorkingDir: "/app",
    Labels: { "varve.dev/runtime": "process", "varve.dev/source-kind": "node" },
  });
  assert.deepEqual(readdirSync(app), ["package.json", "server.js"]);
  const warning = `detect| warning: package.json wants Node ^1.2.3, and this is ${process.version}`;
  assert(lines.includes(warning), lines.join("\n"));
});

test("dependencies are installed by the lockfile, without those for development", NPM, async () => {
  const { image, app, lines } = await build(bench.archive(APP({})));
  assert.equal(runApp(app, image.config.config?.Entrypoint), "from the dependency production\n");
  assert.equal(existsSync(join(app, "node_modules/make-it")), false);
  assert(lines.includes("npm-ci| $ npm ci --omit=dev"), lines.join("\n"));
  assert.doesNotMatch(lines.join("\n"), /warn/i);
});

test("a build has its development dependencies, and the image has not", NPM, async () => {
  const scripts = { build: "make-it", start: "node dist/main.js $EXTRA" };
  const { image, app, lines } = await build(bench.archive(APP({ scripts })));
  const Entrypoint = image.config.config?.Entrypoint;
  assert.equal(runApp(app, Entrypoint), `made by ${process.version}`);
  assert.deepEqual(Entrypoint?.slice(0, 2), ["sh", "-c"]);
  assert.equal(existsSync(join(app, "node_modules/make-it")), false);
  assert.equal(existsSync(join(app, "node_modules/left-over")), true);
  const steps = lines.flatMap((line) => /\| \$ (npm .*)$/.exec(line)?.slice(1) ?? []);
  assert.deepEqual(steps, ["npm ci --include=dev", "npm run build", "npm prune --omit=dev"]);
});

test(
  "a Procfile says how an app is started whose package.json says what it needs",
  NPM,
  async () => {
    const files = { ...APP({}), Procfile: "web: node server.js --port $PORT\n" };
    const { image, app } = await build(bench.archive(files));
    const { Entrypoint, Labels } = image.config.config ?? {};
    assert.deepEqual(Entrypoint, ["sh", "-c", "exec node server.js --port $PORT"]);
    assert.equal(Labels?.["varve.dev/source-kind"], "procfile");
    assert.equal(runApp(app, Entrypoint), "from the dependency production\n");
  },
);

test("without a lockfile the log says that the build is not reproducible", NPM, async () => {
  const { "package-lock.json": _, ...files } = APP({});
  const { image, app, lines } = await build(bench.archive(files));
  assert.equal(runApp(app, image.config.config?.Entrypoint), "from the dependency production\n");
  assert(lines.some((line) => line.includes("warning: there is no lockfile")));
  assert(lines.includes("npm-install| $ npm install --omit=dev"), lines.join("\n"));
});

test("an app whose build makes a site, and which starts nothing, is that site", NPM, async () => {
  const make = "mkdir dist && echo made > dist/index.html";
  const files = { "package.json": JSON.stringify({ scripts: { build: make } }), "index.html": "" };
  const { image, app } = await build(bench.archive(files));
  assert.equal(image.config.config?.Labels?.["varve.dev/source-kind"], "static");
  assert.deepEqual(treeOf(join(app, "site")), { "index.html": "made\n" });
});

test("an app whose build makes nothing to start is told so", NPM, async () => {
  const scripts = { build: "true" };
  const { builder } = await bench.makeBuilder();
  const files = { "package.json": JSON.stringify({ main: "dist/a.js", scripts }) };
  builder.build({ id: "a", source: bench.archive(files) });
  const { reason, message } = await endOf(builder, "a");
  assert.equal(reason, "NothingToRun");
  assert.match(message ?? "", /and a main file "dist\/a.js", which is not there/);
});

test("a step that fails is told with its name, its exit code and its last words", NPM, async () => {
  const scripts = { build: "for i in 1 2 3; do echo said $i; done; exit 3" };
  const { builder } = await bench.makeBuilder();
  builder.build({
    id: "a",
    source: bench.archive({ "package.json": JSON.stringify({ scripts }) }),
  });
  const { phase, reason, message, step } = await endOf(builder, "a");
  assert.deepEqual([phase, reason, step], ["Failed", "BuildStepFailed", "npm run build"]);
  assert.match(message ?? "", /^Step "npm run build" failed with exit code 3: .*said 3$/s);
  assert((message ?? "").split("\n").length <= 10);
  assert((await linesOf(builder, "a")).includes("npm-run-build| said 1"));
});

test("the tool of a lockfile that is not here is named", async () => {
  const files = {
    "package.json": '{"dependencies":{"a":"1"}}',
    "server.js": "",
    "pnpm-lock.yaml": "",
  };
  const { builder } = await bench.makeBuilder("home", NOTHING);
  builder.build({ id: "a", source: bench.archive(files) });
  const { reason, message } = await endOf(builder, "a");
  assert.equal(reason, "BuildStepFailed");
  const expected =
    'Step "pnpm install" could not be started: "pnpm" is not on this server\'s path of tools';
  assert.equal(message, expected);
});

test(
  "the same source gives the same image, whatever the home, the times and the modes",
  NPM,
  async () => {
    const scripts = { build: "make-it", start: "node dist/main.js" };
    const root = bench.write(APP({ scripts }));
    const one = await build(packed(root));
    for (const name of readdirSync(root)) utimesSync(join(root, name), 1e9, 1e9);
    chmodSync(join(root, "server.js"), 0o600);
    const umask = process.umask(0o077);
    const two = await build(packed(root), { home: "another-and-longer-home" }).finally(() => {
      process.umask(umask);
    });
    assert.notEqual(two.origin, one.origin);
    assert.equal(two.image.digest, one.image.digest);
    const blobs = bench.at("another-and-longer-home/images/blobs/sha256");
    for (const name of readdirSync(blobs)) {
      assert.equal(readFileSync(join(blobs, name)).includes(bench.directory), false, name);
    }
  },
);

test("links of an app lead to places in it, wherever they came from", NPM, async () => {
  const files: TestFiles = {
    "web/package.json": '{"scripts":{"build":"ln -s $PWD/a.js absolute.js"}}',
    "web/server.js": "",
    "web/a.js": "1",
    "web/shared": { link: "../shared" },
    "web/gone": { link: "nowhere" },
    "shared/b.js": "2",
    "shared/c.js": { link: "../web/a.js" },
  };
  const { app } = await build({ ...bench.archive(files), subPath: "web" } as Source);
  assert.deepEqual(treeOf(app), {
    "a.js": "1",
    "absolute.js": "-> a.js",
    gone: "-> nowhere",
    "package.json": files["web/package.json"],
    "server.js": "",
    shared: { "b.js": "2", "c.js": "-> ../a.js" },
  });
});

function packed(root: string): Source {
  const path = `${root}-${createHash("sha1")
    .update(String(lstatSync(root).mtimeMs))
    .digest("hex")}.tar`;
  execFileSync("tar", ["cf", path, "-C", root, "."]);
  return { type: "archive", url: path };
}

async function build(
  source: Source,
  { home = "home", ...options }: Partial<DiskBuilderOptions> = {},
) {
  const { builder, images } = await bench.makeBuilder(home, options);
  builder.build({ id: "a", source });
  const { image: digest, origin, message } = await endOf(builder, "a");
  const lines = await linesOf(builder, "a");
  assert(digest !== undefined, `${message}\n${lines.join("\n")}`);
  const to = bench.at(`to-${home}`);
  await images.unpack(digest, to);
  return { image: await images.image(digest), origin, lines, app: join(to, "app") };
}

function runApp(app: string, [file = "", ...args]: readonly string[] = []): string {
  const env = { PATH: `${join(process.execPath, "..")}:${systemPath()}`, NODE_ENV: "production" };
  return execFileSync(file, args, { cwd: app, env, encoding: "utf8" });
}
