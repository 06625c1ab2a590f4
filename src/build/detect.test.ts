import assert from "node:assert/strict";
import { test } from "node:test";
import { builtSite, detect, webCommand } from "./detect.ts";
import { type ListedEntry, type Listing, programOf } from "./listing.ts";

const LINUX = { platform: "linux", arch: "x64" };

function script(name: string, isExecutable = true): ListedEntry {
  return { name, type: "file", isExecutable, program: { type: "script" } };
}

function plain(name: string): ListedEntry {
  return { name, type: "file", isExecutable: false };
}

function listing(
  entries: readonly ListedEntry[],
  texts: Readonly<Record<string, string>> = {},
  files: readonly string[] = [],
): Listing {
  const named = Object.keys(texts).map(plain);
  return {
    entries: [...entries, ...named],
    texts: new Map(Object.entries(texts)),
    hasFile: (path) => files.includes(path),
  };
}

const START = '{"scripts":{"start":"node a.js"}}';

test("a Procfile is asked first, and a package.json beside it still counts", () => {
  const texts = { Procfile: "release: x\nweb:  node b.js  \n", "package.json": START };
  const found = detect(listing([], texts, ["index.html"]), LINUX);
  assert.equal(found.kind, "procfile");
  assert(found.kind === "procfile");
  assert.equal(found.command, "node b.js");
  assert.equal(found.packageJson?.scripts["start"], "node a.js");
  assert.equal(webCommand("worker: node a.js\n#web: x\n"), undefined);
  assert.equal(webCommand("web: a b\r\n"), "a b");
});

for (const { title, json, files, kind } of [
  { title: "with a start script", json: START, files: [], kind: "node" },
  { title: "with server.js", json: "{}", files: ["server.js"], kind: "node" },
  {
    title: "with the main file it names",
    json: '{"main":"./b.js"}',
    files: ["b.js"],
    kind: "node",
  },
  { title: "with index.js", json: "{}", files: ["index.js"], kind: "node" },
  {
    title: "with a build script",
    json: '{"scripts":{"build":"make"}}',
    files: ["index.html"],
    kind: "node",
  },
  {
    title: "that names nothing to start, beside a page",
    json: '{"main":"gone.js","devDependencies":{"a":"1"}}',
    files: ["index.html"],
    kind: "static",
  },
]) {
  test(`a package.json ${title} makes it ${kind}`, () => {
    assert.equal(detect(listing([], { "package.json": json }, files), LINUX).kind, kind);
  });
}

test("a site is at the top, or where sites are built to; after a build, rather there", () => {
  const at = (...files: string[]) => listing([], {}, files);
  const found = (site: Listing) => {
    const detected = detect(site, LINUX);
    return detected.kind === "static" ? detected.directory : detected.kind;
  };
  assert.equal(found(at("index.html", "dist/index.html")), "");
  assert.equal(found(at("public/index.html", "dist/index.html")), "public");
  assert.equal(found(at("_site/index.html")), "_site");
  assert.equal(builtSite(at("index.html", "public/index.html", "dist/index.html")), "dist");
  assert.equal(builtSite(at("index.html")), undefined);
});

test("one executable file is started; a file that is all there is need not say it is one", () => {
  const found = detect(listing([script("run.sh"), script("other.sh", false), plain("x")]), LINUX);
  assert.deepEqual(found, { kind: "executable", name: "run.sh" });
  const alone = detect(listing([script("run.sh", false)]), LINUX);
  assert.deepEqual(alone, { kind: "executable", name: "run.sh" });
});

test("a program for another machine is refused as such", () => {
  const program = { type: "binary", platform: "linux", arch: "arm64" } as const;
  const entry: ListedEntry = { name: "app", type: "file", isExecutable: true, program };
  assert.equal(detect(listing([entry]), { ...LINUX, arch: "arm64" }).kind, "executable");
  assert.throws(() => detect(listing([entry]), LINUX), {
    reason: "NothingToRun",
    message: '"app" is a program for linux on arm64, and this server is linux on x64',
  });
});

test("nothing to run is told with what was looked for, what is there, and the way out", () => {
  const wanted =
    'There is nothing to run in the source: looked for a Procfile with a line "web: …", a ' +
    "package.json with a start script, a server.js or a main file, an index.html at the top or " +
    "in one of public, dist, build, out, _site, or one executable file at the top; ";
  const directory: ListedEntry = { name: "src", type: "directory", isExecutable: false };
  for (const [source, ending] of [
    [listing([]), "it is empty"],
    [listing([directory, plain("README.md")]), "found src/, README.md"],
    [
      listing([script("a.sh"), script("b.sh")]),
      'found a.sh, b.sh. There are several executable files ("a.sh", "b.sh"): say which one to ' +
        'start in a Procfile, such as "web: ./a.sh"',
    ],
    [
      listing([plain("Dockerfile")]),
      "found Dockerfile. A Dockerfile is built by a Build, whose steps are containers",
    ],
    [
      listing([plain("server.js")]),
      'found server.js. To start "server.js", add a Procfile with "web: node server.js"',
    ],
    [
      listing([], { Procfile: "worker: a", "package.json": "{}" }),
      'found Procfile, package.json. The Procfile has no line "web: …". The package.json names ' +
        'nothing to start: add a script "start"',
    ],
  ] as const) {
    const message = `${wanted}${ending}`;
    assert.throws(() => detect(source, LINUX), { reason: "NothingToRun", message });
  }
});

test("a package.json that is no JSON fails the build with its place", () => {
  assert.throws(() => detect(listing([], { "package.json": "{" }), LINUX), {
    reason: "BuildStepFailed",
    message: /^Step "detect" failed: package.json cannot be read: /,
  });
});

test("programs are known by how they begin", () => {
  const elf = (order: number, machine: readonly number[]) =>
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, order, ...new Array(12).fill(0), ...machine]);
  assert.deepEqual(programOf(Buffer.from("#!/bin/sh\n")), { type: "script" });
  const linux = { type: "binary", platform: "linux" };
  assert.deepEqual(programOf(elf(1, [62, 0])), { ...linux, arch: "x64" });
  assert.deepEqual(programOf(elf(2, [0, 22])), { ...linux, arch: "s390x" });
  assert.deepEqual(programOf(elf(1, [0, 99])), linux);
  const mac = programOf(Buffer.from("cffaedfe0c000001", "hex"));
  assert.deepEqual(mac, { type: "binary", platform: "darwin" });
  assert.equal(programOf(Buffer.from("hello")), undefined);
});
