/** The list of Knative Build's own tests, of sources (spec/elafros §9), with a real engine. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { BuildSource } from "../../src/api/build_spec.ts";
import { SECRET } from "../../src/api/secret.ts";
import { SERVICE } from "../../src/api/service.ts";
import { SERVICE_ACCOUNT } from "../../src/api/service_account.ts";
import { untilSo } from "../../src/runtime/test_bed.ts";
import { makeImage } from "../containers/bed.ts";
import { has, whyNoEngine } from "../containers/engine.ts";
import { whyNoKubectl } from "../kubernetes/kubectl.ts";
import { ready } from "../support/varve_process.ts";
import { BuildBench, git } from "./bench.ts";

const noGit = has("git") ? undefined : "there is no git on the PATH";
const why = whyNoEngine() ?? (whyNoKubectl() || undefined) ?? noGit;
const options = { skip: why ?? false };
const namespace = "default";
let bench: BuildBench;
let repository: string;
let commit: string;

before(async () => {
  if (why !== undefined) return;
  bench = await BuildBench.start();
  repository = bench.write("app", { "name.txt": "main", "lib/part.txt": "part" });
  git(repository, "init", "--quiet", "--initial-branch=main");
  git(repository, "add", ".");
  git(repository, "commit", "--quiet", "-m", "main");
  commit = git(repository, "rev-parse", "HEAD");
  git(repository, "tag", "v1");
  for (const [branch, ref] of [
    ["topic", "refs/heads/topic"],
    ["pull", "refs/pull/1/head"],
  ] as const) {
    git(repository, "checkout", "--quiet", "-b", branch, "main");
    writeFileSync(join(repository, "name.txt"), branch);
    git(repository, "commit", "--quiet", "-am", branch);
    git(repository, "update-ref", ref, "HEAD");
  }
  git(repository, "checkout", "--quiet", "main");
  git(repository, "branch", "-D", "--quiet", "pull");
});
after(async () => {
  await bench?.[Symbol.asyncDispose]();
});

const NAMES = [
  { title: "branch", revision: () => "topic", name: "topic" },
  { title: "tag", revision: () => "v1", name: "main" },
  { title: "commit", revision: () => commit, name: "main" },
  { title: "ref", revision: () => "refs/pull/1/head", name: "pull" },
];

for (const { title, revision, name } of NAMES) {
  test(`git source by ${title}`, options, async () => {
    const build = `git-${title}`;
    await bench.succeeds(build, {
      source: { git: { url: `file://${repository}`, revision: revision() } },
      steps: [bench.step(`want(read("name.txt"), "${name}")`)],
    });
    const log = await bench.log(build, "build-step-git-source-0");
    assert.match(log, /fetched [0-9a-f]{40}\n/);
  });
}

test("git source: a revision that is not there fails with the words of git", options, async () => {
  const { said } = await bench.run("git-none", {
    source: { git: { url: `file://${repository}`, revision: "nowhere" } },
    steps: [bench.step("")],
  });
  assert.match(said, /^False BuildExecuteFailed Cannot fetch "nowhere" of "file:.*; for logs run/s);
  assert.match(said, /-c build-step-git-source-0$/);
});

test("git-volume: what a step mounts over the source hides it", options, async () => {
  await bench.succeeds("git-volume", {
    source: { git: { url: `file://${repository}`, revision: "main" } },
    volumes: [{ name: "own", emptyDir: {} }],
    steps: [
      bench.step('want(fs.existsSync("name.txt"), false)', {
        volumeMounts: [{ name: "own", mountPath: "/workspace" }],
      }),
      bench.step('want(read("name.txt"), "main")'),
    ],
  });
});

test("subpath: steps have that part of the source for the whole", options, async () => {
  await bench.succeeds("subpath", {
    source: { git: { url: `file://${repository}`, revision: "main" }, subPath: "lib" },
    steps: [bench.step('want(fs.readdirSync("/workspace").join(), "part.txt")')],
  });
  const { said } = await bench.run("subpath-none", {
    source: { git: { url: `file://${repository}`, revision: "main" }, subPath: "none" },
    steps: [bench.step("")],
  });
  assert.match(said, /Cannot build the subdirectory "none": the source has no such directory/);
});

test("several sources: each goes where it is told to", options, async () => {
  const location = bench.serve("/more.tar.gz", archiveOf({ "one/more.txt": "more" }));
  const sources: BuildSource[] = [
    { name: "app", git: { url: `file://${repository}`, revision: "main" } },
    { name: "topic", git: { url: `file://${repository}`, revision: "topic" }, targetPath: "t" },
    { name: "more", gcs: { location, type: "Archive" }, targetPath: "deep/er" },
  ];
  await bench.succeeds("sources", {
    sources,
    steps: [
      bench.step(`
        want(read("name.txt"), "main");
        want(read("t/name.txt"), "topic");
        want(read("deep/er/one/more.txt"), "more");
      `),
    ],
  });
  const pod = await bench.kubectl.says(
    "get pod sources-pod -o jsonpath={.spec.initContainers[*].name}",
  );
  const names = ["git-source-app", "git-source-topic", "gcs-source-more", "unnamed-0"];
  const all = ["credential-initializer", ...names].map((name) => `build-step-${name}`);
  assert.equal(pod, all.join(" "));
});

test("custom source: a container fetches what the steps find", options, async () => {
  const volumeMounts = [{ name: "own", mountPath: "/own" }];
  const code = 'fs.mkdirSync("in"); fs.writeFileSync("in/a", "1"); fs.writeFileSync("/own/b", "2")';
  await bench.succeeds("custom", {
    source: { custom: bench.step(code, { volumeMounts }), subPath: "in" },
    volumes: [{ name: "own", emptyDir: {} }],
    steps: [bench.step('want(read("a"), "1"); want(read("/own/b"), "2")', { volumeMounts })],
  });
  assert.deepEqual((await bench.get("custom")).status?.stepsCompleted, ["build-step-unnamed-0"]);
});

test("gcs archive: a tar.gz at an address", options, async () => {
  const location = bench.serve("/app.tgz", archiveOf({ "app/a.txt": "1" }));
  await bench.succeeds("gcs", {
    source: { gcs: { location, type: "Archive" } },
    steps: [bench.step('want(read("app/a.txt"), "1")')],
  });
  const gone = await bench.run("gcs-none", {
    source: { gcs: { location: bench.serve("/x", "").replace(/x$/, "none.tgz"), type: "Archive" } },
    steps: [bench.step("")],
  });
  assert.match(gone.said, /none\.tgz": 127\.0\.0\.1:\d+ answered 404/);
});

test("gcs manifest: files by their checksums, none of them fetched twice", options, async () => {
  const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");
  const manifest = {
    "a.txt": { sourceUrl: bench.serve("/a", "first"), sha1Sum: sha1("first") },
    "bin/run": { sourceUrl: bench.serve("/b", "second"), sha1sum: sha1("second"), mode: 0o755 },
  };
  const location = bench.serve("/manifest.json", JSON.stringify(manifest));
  const source = { gcs: { location, type: "Manifest" } };
  const steps = [bench.step('want(read("a.txt") + read("bin/run"), "firstsecond")')];
  await bench.succeeds("manifest", { source, steps });
  await bench.succeeds("manifest-again", { source, steps });
  const log = (name: string) => bench.log(name, "build-step-gcs-source-0");
  assert.match(await log("manifest"), /2 files: 2 fetched/);
  assert.match(await log("manifest-again"), /2 files: 0 fetched/);
  const bad = { "a.txt": { sourceUrl: bench.serve("/c", "other"), sha1Sum: sha1("third") } };
  const wrong = bench.serve("/wrong.json", JSON.stringify(bad));
  const { said } = await bench.run("manifest-wrong", {
    ...{ source: { gcs: { location: wrong, type: "Manifest" } }, steps },
  });
  assert.match(said, /its sha1 is [0-9a-f]{40}, and [0-9a-f]{40} is wanted/);
  const out = { "../a": { sourceUrl: bench.serve("/a", "first"), sha1Sum: sha1("first") } };
  const outside = bench.serve("/outside.json", JSON.stringify(out));
  const { said: refusal } = await bench.run("manifest-out", {
    ...{ source: { gcs: { location: outside, type: "Manifest" } }, steps },
  });
  assert.match(refusal, /the entry "\.\.\/a" is outside of the archive/);
});

test("upload: what varve deploy uploads is a source too", options, async () => {
  const bytes = archiveOf({ "a.txt": "1" });
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}` as const;
  await bench.varve.client.upload({ namespace, digest }, Readable.from([bytes]));
  await bench.succeeds("upload", {
    source: { upload: { digest } },
    steps: [bench.step('want(read("a.txt"), "1")')],
  });
  const { said } = await bench.run("upload-none", {
    source: { upload: { digest: digest.replace(/.{4}$/, "0000") } },
    steps: [bench.step("")],
  });
  assert.match(said, /it is not on this server; upload it again/);
});

test("base image: what is built runs as a container, and is sent on", options, async () => {
  const config = { Env: ["PATH=/usr/bin"], User: "1000" };
  const base = await makeImage({ files: { "etc/base": "base" }, config });
  bench.registry.add("base:1", base);
  const { host } = bench.registry;
  const code = `
    const { readFileSync } = require("node:fs");
    const said = () => readFileSync("/etc/base", "utf8") + " " + process.getuid();
    require("node:http").createServer((_, it) => it.end(said())).listen(process.env.PORT);
  `;
  const app = bench.write("service", { "server.js": code, "package.json": "{}" });
  execFileSync("tar", ["czf", `${app}.tar.gz`, "-C", app, "."]);
  const annotations = {
    "varve.dev/source": `${app}.tar.gz`,
    "varve.dev/base-image": `${host}/base:1`,
    "varve.dev/push-to": `${host}/built:1`,
  };
  const { apiVersion, kind } = SERVICE;
  await bench.create({
    ...{ apiVersion, kind, metadata: { namespace, name: "based" } },
    spec: { template: { metadata: { annotations }, spec: { containers: [{}] } } },
  });
  await ready(bench.varve.client, "based");
  const headers = { host: "based.default.localhost" };
  assert.equal(await answer(bench.varve.endpoints.gateway, headers), "base 1000");
  assert.ok(bench.registry.asked.includes("PUT /v2/built/manifests/1"));
});

test("git-ssh: a key of the account's opens the repository", sshOptions(), async () => {
  const server = await SshServer.start(bench);
  try {
    const { apiVersion } = SECRET;
    await bench.create({
      ...{ apiVersion, kind: SECRET.kind, type: "kubernetes.io/ssh-auth" },
      metadata: {
        ...{ namespace, name: "ssh" },
        annotations: { "build.knative.dev/git-0": `127.0.0.1:${server.port}` },
      },
      stringData: { "ssh-privatekey": server.key, known_hosts: server.knownHosts },
    });
    await bench.create({
      ...{ apiVersion, kind: SERVICE_ACCOUNT.kind, secrets: [{ name: "ssh" }] },
      metadata: { namespace, name: "ssh" },
    });
    const source = { git: { url: `ssh://root@127.0.0.1${repository}`, revision: "main" } };
    const steps = [
      bench.step(`
        want(read("name.txt"), "main");
        want(read("/builder/home/.ssh/config").includes("/builder/home/.ssh/id_ssh"), true);
      `),
    ];
    await bench.succeeds("ssh", { source, steps, serviceAccountName: "ssh" });
    const { said } = await bench.run("ssh-none", { source, steps });
    assert.match(said, /BuildExecuteFailed Cannot fetch "main" of "ssh:/);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

function sshOptions() {
  return why === undefined && !has("sshd") ? { skip: "there is no sshd on the PATH" } : options;
}

/** A real sshd on a free port, for one key. */
class SshServer implements AsyncDisposable {
  readonly port: number;
  readonly key: string;
  readonly knownHosts: string;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number, { key, knownHosts }: Keys) {
    this.#child = child;
    this.port = port;
    this.key = key;
    this.knownHosts = knownHosts;
  }

  static async start({ directory }: BuildBench): Promise<SshServer> {
    const at = (name: string) => join(directory, name);
    for (const name of ["user", "host"]) {
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(`${name}_key`)]);
    }
    writeFileSync(at("authorized"), readFileSync(at("user_key.pub")), { mode: 0o600 });
    mkdirSync("/run/sshd", { recursive: true });
    const port = await freePort();
    const settings = [
      ...["PermitRootLogin=yes", "StrictModes=no", "UsePAM=no", `Port=${port}`],
      ...["ListenAddress=127.0.0.1", `HostKey=${at("host_key")}`, `PidFile=${at("sshd.pid")}`],
      `AuthorizedKeysFile=${at("authorized")}`,
    ];
    const args = ["-D", "-e", "-f", "/dev/null", ...settings.flatMap((it) => ["-o", it])];
    const child = spawn("/usr/sbin/sshd", args, { stdio: "ignore" });
    await untilSo("sshd listens", () => listens(port));
    const host = readFileSync(at("host_key.pub"), "utf8").trim();
    return new SshServer(child, port, {
      key: readFileSync(at("user_key"), "utf8"),
      knownHosts: `[127.0.0.1]:${port} ${host}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
  }
}

interface Keys {
  readonly key: string;
  readonly knownHosts: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

async function listens(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.once("error", () => resolve(false)).once("connect", () => socket.destroy());
  });
}

async function answer(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  return await new Promise((resolve, reject) => {
    const asked = get(url, { headers }, (response) => resolve(text(response)));
    asked.once("error", reject);
  });
}

let archives = 0;

function archiveOf(files: Readonly<Record<string, string>>): Buffer {
  archives += 1;
  const root = bench.write(`archive-${archives}`, files);
  return gzipSync(execFileSync("tar", ["c", "-C", root, "."]));
}
