import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DiskImageStore } from "../oci/disk.ts";
import { makeTestImage } from "../oci/test_image.ts";
import type { BuildState, Logins, PlanPart, StepsPlan } from "./build.ts";
import type { ContainerJob, Containers } from "./containers.ts";
import { endOf, systemPath, TestBench, type TestFiles } from "./test_builder.ts";

const IMAGE = "example.local/step:1";
const NONE: Logins = { git: [], docker: [] };
const STEP: PlanPart = {
  type: "step",
  container: "build-step-look",
  step: { image: IMAGE, env: { A: "1" }, mounts: [], limits: {} },
};

/** Builds a plan whose steps are this function: the simplest engine, which runs nothing. */
async function built(
  bench: TestBench,
  plan: Partial<StepsPlan>,
  step: (job: ContainerJob) => number | undefined = () => 0,
): Promise<BuildState> {
  const containers: Containers = {
    whyNone: async () => undefined,
    async run(job) {
      job.onStart();
      return { exitCode: step(job) ?? 0, isOutOfMemory: false, message: "" };
    },
    async [Symbol.asyncDispose]() {},
  };
  const registry = {
    pull: async () => (await makeTestImage()).digest,
    push: () => Promise.reject(new Error("nobody pushes")),
  };
  const { builder } = await bench.makeBuilder("home", { containers, registry });
  const whole = { parts: [STEP], volumes: [], logins: NONE, timeLimitMs: 60_000, ...plan };
  builder.build({ id: "builds/a/b", plan: whole });
  return await endOf(builder, "builds/a/b");
}

const at = ({ directory }: ContainerJob, ...path: readonly string[]) =>
  join(directory, ".workspace", ...path);

function source(bench: TestBench, files: TestFiles, targetPath = ""): PlanPart {
  const from = bench.archive(files);
  const container = `build-step-gcs-source-${targetPath}`;
  return { type: "source", container, source: { from, targetPath } };
}

test("sources go where they are told to, also into what others have brought", async () => {
  await using bench = makeBench();
  const parts = [
    source(bench, { "a.txt": "a", "lib/one.txt": "1" }),
    source(bench, { "two.txt": "2" }, "lib/more"),
    STEP,
  ];
  let seen: readonly string[] = [];
  const end = await built(bench, { parts }, (job) => {
    seen = readdirSync(at(job), { recursive: true }).map(String).toSorted();
    return 0;
  });
  assert.equal(end.phase, "Succeeded", end.message);
  assert.deepEqual(seen, ["a.txt", "lib", "lib/more", "lib/more/two.txt", "lib/one.txt"]);
});

for (const { title, first, second, says } of [
  {
    title: "a link of another source to a place outside",
    first: { lib: { link: "/tmp" } },
    second: { "two.txt": "2" },
    says: 'Cannot put a source into "lib": "lib" is there already, and is no directory',
  },
  {
    title: "a file that another source has brought",
    first: { "lib/two.txt": "1" },
    second: { "two.txt": "2" },
    says: 'Cannot put "lib/two.txt": another source has that as well',
  },
]) {
  test(`a source is not put through or over ${title}`, async () => {
    await using bench = makeBench();
    const top = bench.write(first);
    const from = { type: "git", url: repositoryOf(top) } as const;
    const parts: PlanPart[] = [
      { type: "source", container: "build-step-git-source-0", source: { from, targetPath: "" } },
      source(bench, second, "lib"),
      STEP,
    ];
    const end = await built(bench, { parts });
    assert.ok(end.message?.startsWith(says), end.message);
    const states = end.parts?.map(({ exitCode }) => exitCode);
    assert.deepEqual(states, [0, 0, 1, undefined]);
  });
}

test("a step has the workspace, a home with its logins, and what it mounts itself", async () => {
  await using bench = makeBench();
  const login = { username: "me", password: "pass word" };
  const logins: Logins = {
    git: [
      { type: "basic", url: "https://github.com", ...login },
      { type: "ssh", host: "example.com", port: 2222, name: "key", key: "KEY" },
    ],
    docker: [{ registry: "gcr.io", ...login }],
  };
  const own = { volume: "own", path: "/workspace/" };
  const parts = [{ ...STEP, step: { ...STEP.step, mounts: [own] } }];
  const seen: Record<string, unknown> = {};
  await built(bench, { parts, logins, volumes: [{ name: "own" }] }, (job) => {
    const home = join(job.directory, ".home");
    seen["mounts"] = job.container.mounts;
    seen["env"] = job.container.env;
    seen["modes"] = [".git-credentials", ".ssh/id_key", ".docker/config.json"].map(
      (path) => statSync(join(home, path)).mode & 0o777,
    );
    seen["git"] = readFileSync(join(home, ".git-credentials"), "utf8");
    seen["ssh"] = readFileSync(join(home, ".ssh/config"), "utf8").split("\n").slice(2, 4);
    seen["workspace"] = lstatSync(at(job)).mode & 0o777;
    return 0;
  });
  assert.deepEqual(seen, {
    mounts: [{ volume: ".home", path: "/builder/home" }, own],
    env: { HOME: "/builder/home", A: "1" },
    modes: [0o600, 0o600, 0o600],
    git: "https://me:pass%20word@github.com\n",
    ssh: ["  Port 2222", '  IdentityFile "/builder/home/.ssh/id_key"'],
    workspace: 0o777,
  });
});

test("fail: the steps after one that failed do not run", async () => {
  await using bench = makeBench();
  const parts = [STEP, { ...STEP, container: "build-step-never" }];
  let runs = 0;
  const end = await built(bench, { parts }, ({ onLine }) => {
    runs += 1;
    onLine("no such target");
    return 3;
  });
  const message = 'Step "build-step-look" failed with exit code 3: no such target';
  assert.deepEqual([runs, end.reason, end.message], [1, "BuildStepFailed", message]);
});

test("a build is cancelled where it stands, also while it waits for its turn", async () => {
  await using bench = makeBench();
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const containers: Containers = {
    whyNone: async () => undefined,
    async run({ signal, onStart }) {
      onStart();
      resolve();
      await once(signal, "abort");
      throw signal.reason;
    },
    async [Symbol.asyncDispose]() {},
  };
  const registry = {
    pull: async () => (await makeTestImage()).digest,
    push: () => Promise.reject(new Error("nobody pushes")),
  };
  const options = { containers, registry, buildsMax: 1 };
  const { builder } = await bench.makeBuilder("home", options);
  const plan = { parts: [STEP], volumes: [], logins: NONE, timeLimitMs: 60_000 };
  for (const id of ["builds/a/runs", "builds/a/waits"]) builder.build({ id, plan });
  await begun;
  for (const id of ["builds/a/waits", "builds/a/runs"]) {
    builder.cancel(id);
    const { reason, startedAt } = await endOf(builder, id);
    assert.deepEqual([reason, startedAt !== undefined], ["BuildCancelled", id.endsWith("runs")]);
  }
});

function repositoryOf(directory: string): string {
  const run = (...args: readonly string[]) => execFileSync("git", args, { cwd: directory });
  run("init", "--quiet");
  run("add", ".");
  run("-c", "user.name=me", "-c", "user.email=me@example.com", "commit", "--quiet", "-m", "one");
  return `file://${directory}`;
}

function makeBench(): TestBench {
  const makeImages = (home: string) => new DiskImageStore({ home });
  return new TestBench({ makeImages, toolPath: systemPath() });
}
