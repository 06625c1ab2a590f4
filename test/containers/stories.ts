/** What containers add to the contract: limits, files, users, ports; an engine that goes away. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { RunConfig } from "../../src/oci/oci.ts";
import type { Instance, InstanceSpec, Runtime } from "../../src/runtime/runtime.ts";
import { ask, specOf, until, untilReady, untilSo } from "../../src/runtime/test_bed.ts";
import { type ContainerBed, engineOfSuite } from "./bed.ts";
import type { OwnEngine } from "./engine.ts";

const NAME = "default/hello-00001-x7k2p";
const NODE: RunConfig = { Env: ["PATH=/usr/bin"] };
const MEGABYTE = 1024 * 1024;

/** Answers a request for /PATH with what the function of that name in `script` gives. */
const TELL = `
import * as fs from "node:fs";
import { createServer } from "node:http";
import { hostname } from "node:os";
const { env, argv, cwd, getuid, getgid, stdin, exit } = process;
const tried = (act) => { try { return act(); } catch (thrown) { return thrown.code; } };
const ways = {
  cwd, hostname,
  read: (path) => tried(() => fs.readFileSync(path, "utf8").trim()),
  write: (path) => tried(() => (fs.writeFileSync(path, "x"), "written")),
  mode: (path) => (fs.statSync(path).mode & 0o7777).toString(8),
  env: (name) => env[name] ?? "",
  args: () => argv.slice(2).join(" "),
  user: () => getuid() + ":" + getgid(),
  input: () => input,
  exit: () => exit(1),
  eat: () => { for (const all = []; ; ) all.push(Buffer.alloc(8e6, 1)); },
};
let input = "open";
stdin.on("end", () => { input = "end"; }).resume();
createServer((request, response) => {
  const [, way, rest] = /^\\/(\\w+)(.*)$/.exec(request.url);
  response.end(String(ways[way](way === "env" ? rest.slice(1) : rest)));
}).listen(8080);
process.on("SIGTERM", () => exit(143));
`;

const { engine, options, makeBed } = engineOfSuite();

/** An instance that tells of itself, ready. */
async function teller(bed: ContainerBed, runtime: Runtime, change: Partial<InstanceSpec> = {}) {
  const config = { ...NODE, Entrypoint: ["node", "/tell.mjs"], Cmd: ["its", "own"] };
  const image = await bed.image({ "tell.mjs": TELL }, config);
  const spec = specOf(image, change);
  await runtime.run(spec);
  const instance = await untilReady(runtime, spec.name);
  return { instance, tell: (path: string) => ask(instance, `/${path}`) };
}

test(
  "instances of an image with a fixed port have that port, each on its own",
  options,
  async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const all: Instance[] = [];
    for (const name of ["a", "b"])
      all.push((await teller(bed, runtime, { name: `default/${name}` })).instance);
    assert.deepEqual(
      all.map(({ address }) => address?.port),
      [8080, 8080],
    );
    const names = await Promise.all(all.map((it) => ask(it, "/hostname")));
    assert.notEqual(names[0], names[1]);
  },
);

test(
  "where no address of theirs is reached, instances have ports of 127.0.0.1",
  options,
  async () => {
    await using bed = await makeBed();
    await using first = await bed.open({ isPublished: true });
    for (const name of ["a", "b"]) await teller(bed, first, { name: `default/${name}` });
    const before = first.list();
    assert(before.every(({ address }) => address?.host === "127.0.0.1" && address.port !== 8080));
    assert.deepEqual(await Promise.all(before.map((it) => ask(it, "/env/PORT"))), ["8080", "8080"]);
    await first[Symbol.asyncDispose]();
    await using second = await bed.open({ isPublished: true });
    assert.deepEqual(second.list().map(addressOf).toSorted(), before.map(addressOf).toSorted());
  },
);

test(
  "an instance has the arguments, directory and user it asks for, and nothing to read",
  options,
  async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const user = { uid: 1234, gid: 5678 };
    const env = { WORD: "two" };
    const change = { env, user, args: ["one", "$(WORD)"], workingDir: "/tmp" };
    const { tell } = await teller(bed, runtime, change);
    const said = await Promise.all(["args", "cwd", "user", "env/PORT", "input"].map(tell));
    assert.deepEqual(said, ["one two", "/tmp", "1234:5678", "8080", "end"]);
    assert.equal(await tell("mode/tmp"), "1777");
    assert.equal(await tell("write/tmp/x"), "written");
    assert.equal(await tell("write/usr/x"), "EACCES");
  },
);

test("limits hold, and one that needs more memory is ended for that reason", options, async () => {
  await using bed = await makeBed();
  await using runtime = await bed.open();
  const limits = { memoryBytes: 96 * MEGABYTE, cpuMillis: 500 };
  const { instance, tell } = await teller(bed, runtime, { limits });
  const [inspected] = JSON.parse(engine().docker("inspect", ...containers(engine())));
  const { Memory, MemorySwap, NanoCpus, PidsLimit } = inspected.HostConfig;
  assert.deepEqual(
    [Memory, MemorySwap, NanoCpus, PidsLimit],
    [limits.memoryBytes, limits.memoryBytes, 500_000_000, 4096],
  );
  await tell("eat").catch(() => {});
  const next = await until(runtime, instance.spec.name, ({ restarts }) => restarts === 1);
  assert.equal(next.lastExit?.reason, "OutOfMemory");
});

test(
  "a root that may only be read has a /tmp, and more than the image's rights is refused",
  options,
  async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const security = { isRootReadOnly: true, mayGainPrivileges: false, isNeverRoot: true };
    const { tell } = await teller(bed, runtime, { security, user: { uid: 7 } });
    assert.deepEqual(
      [await tell("write/x"), await tell("write/tmp/x"), await tell("user")],
      ["EROFS", "written", "7:0"],
    );
    const name = "default/root";
    await runtime.run(specOf(bed.app, { name, security }));
    const { lastExit } = await until(runtime, name, ({ phase }) => phase === "waiting");
    assert.match(lastExit?.output ?? "", /must not run as root .* give another runAsUser/);
  },
);

test(
  "volumes hold their files to read, and an empty one what was written before",
  options,
  async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const content = Buffer.from("blue\n").toString("base64");
    const volumes = [
      { name: "config", files: [{ path: "deep/color", mode: 0o440, content }] },
      { name: "scratch" },
      { name: "fast", isInMemory: true, bytesMax: MEGABYTE },
    ];
    const mounts = [
      { volume: "config", path: "/etc/config" },
      { volume: "config", path: "/etc/one", subPath: "deep/color" },
      { volume: "scratch", path: "/data", subPath: "mine" },
      { volume: "fast", path: "/fast" },
    ];
    const { instance, tell } = await teller(bed, runtime, { volumes, mounts });
    const asked = ["read/etc/config/deep/color", "mode/etc/config/deep/color", "read/etc/one"];
    assert.deepEqual(await Promise.all(asked.map(tell)), ["blue", "440", "blue"]);
    const written = ["write/etc/config/x", "write/data/x", "write/fast/x"];
    assert.deepEqual(await Promise.all(written.map(tell)), ["EROFS", "written", "written"]);
    const { address } = instance;
    await assert.rejects(ask(instance, "/exit"), "it ends, and is started again");
    const again = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts === 1);
    assert.equal(await ask(again, "/read/data/x"), "x");
    assert.equal(await ask(again, "/read/fast/x"), "ENOENT");
    await runtime.stop(NAME);
    assert.equal(existsSync(join(bed.directory, "home/instances/default%2Fhello")), false);
    assert(address !== undefined);
  },
);

test(
  "a file that is renewed is seen by the container that runs, is frozen, or is started again",
  options,
  async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const volumesOf = (text: string, endsAtMs = Date.now() + 600_000) => {
      const content = Buffer.from(text).toString("base64");
      const term = { renewAtMs: 0, endsAtMs };
      return [{ name: "id", files: [{ path: "a/token", mode: 0o644, content, owner: 7, term }] }];
    };
    const mounts = [{ volume: "id", path: "/id" }];
    const asUser = { mounts, user: { uid: 7 } };
    const { tell } = await teller(bed, runtime, { ...asUser, volumes: volumesOf("one") });
    const now = async () => [await tell("read/id/a/token"), await tell("mode/id/a/token")];
    assert.deepEqual(await now(), ["one", "600"]);
    await runtime.refill(NAME, volumesOf("two"));
    assert.deepEqual(await now(), ["two", "600"]);
    await runtime.freeze(NAME);
    await runtime.refill(NAME, volumesOf("three", 1));
    assert.equal(runtime.get(NAME)?.phase, "frozen");
    await runtime.thaw(NAME);
    assert.deepEqual(await now(), ["three", "600"]);
    assert.equal(runtime.get(NAME)?.restarts, 0);

    await tell("exit").catch(() => {});
    const held = /^what its volume "id" has is not good any more$/;
    await until(runtime, NAME, ({ phase, message }) => phase === "waiting" && held.test(message));
    await runtime.refill(NAME, volumesOf("four"));
    const again = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts === 1);
    assert.equal(await ask(again, "/read/id/a/token"), "four");
    await runtime[Symbol.asyncDispose]();
    await using next = await bed.open();
    await next.refill(NAME, volumesOf("five"));
    assert.equal(await ask(await untilReady(next, NAME), "/read/id/a/token"), "five");
  },
);

test(
  "what cannot be executed says so, and what fails says what it wrote last",
  options,
  async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await runtime.run(specOf(bed.app, { name: "default/a", command: ["/no/such"] }));
    const unstarted = await until(runtime, "default/a", ({ phase }) => phase === "waiting");
    assert.equal(unstarted.lastExit?.reason, "NotStarted");
    assert.match(unstarted.lastExit?.output ?? "", /exec: "\/no\/such": .*no such file/);
    const command = ["node", "-e", "console.error('no database'); process.exit(127)"];
    await runtime.run(specOf(bed.app, { name: "default/b", command }));
    const failed = await until(runtime, "default/b", ({ phase }) => phase === "waiting");
    const { code, reason, output } = failed.lastExit ?? {};
    assert.deepEqual(
      { code, reason, output },
      { code: 127, reason: "Error", output: "no database" },
    );
  },
);

test("an instance that does not hear SIGTERM is killed after the grace time", options, async () => {
  await using bed = await makeBed();
  await using runtime = await bed.open();
  const script =
    "process.on('SIGTERM', () => console.log('no')); " +
    "require('net').createServer().listen(process.env.PORT)";
  await runtime.run(specOf(bed.app, { command: ["node", "-e", script], graceMs: 300 }));
  await untilReady(runtime, NAME);
  await runtime.stop(NAME);
  assert.deepEqual(containers(engine()), []);
  const lines = await Array.fromAsync(runtime.log(NAME), (line) => line.text);
  assert.deepEqual(lines, ["no"]);
});

test("a command has a terminal of the size asked for", options, async () => {
  await using bed = await makeBed();
  await using runtime = await bed.open();
  await runtime.run(specOf(bed.app));
  await untilReady(runtime, NAME);
  const script =
    "const { stdout, stdin } = process; const tell = () => " +
    "stdout.columns === 99 && process.exit(stdout.rows); " +
    "stdin.on('data', (it) => { console.log(String(it)); tell(); }); stdout.on('resize', tell)";
  using execution = await runtime.exec(NAME, {
    command: ["node", "-e", script],
    hasInput: true,
    terminal: { columns: 80, rows: 24 },
  });
  execution.input?.write("typed\r");
  execution.resize({ columns: 98, rows: 5 });
  execution.resize({ columns: 99, rows: 33 });
  assert.match(await text(execution.output), /^typed/);
  assert.equal(await execution.ended, 33);
});

test("a probe can be a command in the container", options, async () => {
  await using bed = await makeBed();
  await using runtime = await bed.open();
  const exec = { command: ["node", "-e", "console.log('not yet'); process.exit(4)"] };
  await runtime.run(specOf(bed.app, { readiness: { exec, periodSeconds: 1 } }));
  const found = await until(runtime, NAME, ({ message }) => message.includes("exits with 4"));
  assert.match(found.message, /not yet$/);
});

test(
  "instances are found again when the engine was away, and none is left over",
  options,
  async () => {
    await using bed = await makeBed();
    await using first = await bed.open();
    await first.run(specOf(bed.app));
    await ask(await untilReady(first, NAME), "/say/before");
    await first[Symbol.asyncDispose]();
    engine().docker("rename", containers(engine())[0] ?? "", "somebody-else");
    await engine().stop();

    await using second = await bed.open();
    const lost = await until(second, NAME, ({ phase }) => phase === "unready");
    assert.match(
      lost.message,
      /no container engine answers: there is nothing at unix:.*\. Install/,
    );
    assert.match((await second.whyNot(bed.app)) ?? "", /no container engine answers/);
    await engine().start();
    const found = await until(second, NAME, (it) => it.phase === "ready" && it.restarts > 0);
    assert.equal(await ask(found, "/"), "hello");
    assert.equal(containers(engine()).length, 1, "what it does not know is removed");
  },
);

test(
  "an engine that is begun anew ends instances, and they are started again",
  options,
  async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await runtime.run(specOf(bed.app));
    await ask(await untilReady(runtime, NAME), "/say/before");
    await engine().stop();
    await engine().start();
    const again = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts > 0);
    await ask(again, "/say/after");
    const all = await untilLines(runtime, "after");
    assert.deepEqual(
      all.filter((it) => it !== "begun"),
      ["before", "after"],
    );
  },
);

test("images that nobody keeps are removed from the engine", options, async () => {
  await using bed = await makeBed();
  await using runtime = await bed.open();
  await runtime.run(specOf(bed.app));
  await untilReady(runtime, NAME);
  const count = () => engine().docker("images", "-q").trim().split("\n").filter(Boolean).length;
  assert.equal(count(), 1);
  await runtime.collect(new Set());
  assert.equal(count(), 1, "it is of an instance that runs");
  await runtime.stop(NAME);
  await runtime.collect(new Set());
  assert.equal(count(), 0);
});

function addressOf({ address }: Instance): string {
  return `${address?.host}:${address?.port}`;
}

function containers(engine: OwnEngine): readonly string[] {
  return engine.docker("ps", "-aq").split("\n").filter(Boolean);
}

async function untilLines(runtime: Runtime, last: string): Promise<readonly string[]> {
  let lines: readonly string[] = [];
  await untilSo(`the line "${last}"`, async () => {
    lines = await Array.fromAsync(runtime.log(NAME), (line) => line.text);
    return lines.includes(last);
  });
  return lines;
}
