import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { isReason, type Reason } from "../api/error.ts";
import { systemClock } from "../base/clock.ts";
import { type Digest, OciError } from "../oci/oci.ts";
import type { Runtime } from "./runtime.ts";
import { ask, specOf, until, untilReady, untilSo } from "./test_bed.ts";

/** A place where runtimes of one driver can be tried. Disposing ends what instances are left. */
export interface RuntimeBed extends AsyncDisposable {
  /** An image with the app of `test_app.ts`. */
  readonly app: Digest;
  /** An image that this driver has to refuse. */
  readonly unfit: Digest;
  /** A runtime, started: each one over the same home, as after a restart of the server. */
  open(): Promise<Runtime>;
}

type MakeBed = () => Promise<RuntimeBed>;

const MISSING: Digest = `sha256:${"0".repeat(64)}`;
const NAME = "default/hello-00001-x7k2p";

/** What every driver of `Runtime` does. */
export function runtimeSuite(makeBed: MakeBed): void {
  imageSuite(makeBed);
  runSuite(makeBed);
  observeSuite(makeBed);
  healthSuite(makeBed);
  startupSuite(makeBed);
  frozenSuite(makeBed);
  restartSuite(makeBed);
  logSuite(makeBed);
  execSuite(makeBed);
  adoptionSuite(makeBed);
}

function imageSuite(makeBed: MakeBed): void {
  test("an image that cannot run here is refused, a missing one by error", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    assert.equal(await runtime.whyNot(bed.app), undefined);
    assert.match((await runtime.whyNot(bed.unfit)) ?? "", /.{20}/);
    await assert.rejects(runtime.whyNot(MISSING), OciError);
  });

  test("an instance whose image is missing or unfit waits, and says why", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    for (const image of [MISSING, bed.unfit]) {
      const spec = specOf(image, { name: `default/hello-00001-${image.slice(7, 12)}` });
      await runtime.run(spec);
      const { lastExit } = await until(runtime, spec.name, ({ phase }) => phase === "waiting");
      assert.equal(lastExit?.reason, "NotStarted");
      assert.match(lastExit?.output ?? "", new RegExp(image));
      await runtime.stop(spec.name);
    }
  });
}

function runSuite(makeBed: MakeBed): void {
  test("an instance that was asked for becomes ready, and serves at its address", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    assert.deepEqual(runtime.list(), []);
    assert.equal(runtime.get(NAME), undefined);
    const spec = specOf(bed.app, { env: { COLOR: "blue" } });
    await runtime.run(spec);
    const instance = await untilReady(runtime, NAME);
    const { createdAt, startedAt, start, address, pid } = instance;
    assert(startedAt !== undefined && createdAt <= startedAt);
    assert.deepEqual(instance, {
      spec,
      phase: "ready",
      address,
      ...(pid !== undefined && { pid }),
      createdAt,
      startedAt,
      ...(start !== undefined && { start }),
      restarts: 0,
      message: "",
      caveats: [],
    });
    assert.deepEqual(runtime.list(), [instance]);
    const env = JSON.parse(await ask(instance, "/env"));
    assert.equal(env.COLOR, "blue");
    assert.match(env.PORT, /^\d+$/);
    assert.deepEqual([await ask(instance, "/"), runtime.kind !== ""], ["hello", true]);
  });

  test("asking again for the same name changes nothing", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await Promise.all([runtime.run(specOf(bed.app)), runtime.run(specOf(bed.app))]);
    const instance = await untilReady(runtime, NAME);
    await runtime.run(specOf(bed.app, { env: { COLOR: "red" } }));
    assert.deepEqual(runtime.list(), [instance]);
  });

  test("an instance is gone when stop resolves, and its name is free", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await runtime.run(specOf(bed.app));
    const instance = await untilReady(runtime, NAME);
    await Promise.all([runtime.stop(NAME), runtime.stop(NAME)]);
    assert.equal(runtime.get(NAME), undefined);
    await assert.rejects(ask(instance, "/"));
    await runtime.stop(NAME);
    await runtime.run(specOf(bed.app));
    assert.equal((await untilReady(runtime, NAME)).restarts, 0);
  });
}

function observeSuite(makeBed: MakeBed): void {
  test("several instances of one revision have addresses of their own", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const names = ["a", "b", "c"].map((it) => `default/hello-00001-${it}`);
    await Promise.all(names.map((name) => runtime.run(specOf(bed.app, { name }))));
    const all = await Promise.all(names.map((name) => untilReady(runtime, name)));
    const addresses = new Set(all.map(({ address }) => `${address?.host}:${address?.port}`));
    assert.equal(addresses.size, 3);
    assert.deepEqual(await Promise.all(all.map((it) => ask(it, "/"))), ["hello", "hello", "hello"]);
  });

  test("a watcher is called whenever an instance says something else, until disposed", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const seen: (string | undefined)[] = [];
    const watching = runtime.watch((name) => seen.push(runtime.get(name)?.phase));
    await runtime.run(specOf(bed.app));
    await untilReady(runtime, NAME);
    await runtime.stop(NAME);
    const phases = seen.filter((phase, index) => phase !== seen[index - 1]);
    assert.deepEqual(phases, ["starting", "ready", "stopping", undefined]);
    watching[Symbol.dispose]();
    await runtime.run(specOf(bed.app));
    await untilReady(runtime, NAME);
    assert.equal(seen.at(-1), undefined);
  });

  test("usage is of instances that run", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await runtime.run(specOf(bed.app));
    await untilReady(runtime, NAME);
    const usage = await runtime.usage(NAME);
    assert(usage !== undefined && usage.cpuNs > 0 && usage.memoryBytes > 0);
    await runtime.stop(NAME);
    assert.equal(await runtime.usage(NAME), undefined);
  });
}

function healthSuite(makeBed: MakeBed): void {
  test("an instance is ready while its readiness probe says so", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const httpGet = { path: "/health", httpHeaders: [{ name: "X-From", value: "test" }] };
    const readiness = { httpGet, periodSeconds: 1, failureThreshold: 1 };
    await runtime.run(specOf(bed.app, { env: { ILL: "1" }, readiness }));
    const answers = (code: number) => `GET /health answers ${code}`;
    const ill = await until(runtime, NAME, ({ message }) => message === answers(503));
    assert.equal(ill.phase, "starting");
    await ask(ill, "/well");
    const well = await untilReady(runtime, NAME);
    await ask(well, "/ill");
    const again = await until(runtime, NAME, ({ phase }) => phase === "unready");
    assert.deepEqual([again.message, again.restarts], [answers(503), 0]);
    await ask(again, "/well");
    await untilReady(runtime, NAME);
  });

  test("an instance whose liveness probe fails is ended, and started again", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const liveness = { httpGet: { path: "/health" }, periodSeconds: 1, failureThreshold: 2 };
    await runtime.run(specOf(bed.app, { liveness }));
    await ask(await untilReady(runtime, NAME), "/ill");
    const next = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts === 1);
    assert.equal(next.lastExit?.reason, "Unhealthy");
    assert.match(next.lastExit?.output ?? "", /GET \/health answers 503/);
  });
}

function startupSuite(makeBed: MakeBed): void {
  const startup = { httpGet: { path: "/health" }, periodSeconds: 1, failureThreshold: 60 };

  test("an instance is not ready, nor found unwell, until its startup probe succeeds", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const liveness = { httpGet: { path: "/health" }, periodSeconds: 1, failureThreshold: 1 };
    await runtime.run(specOf(bed.app, { env: { ILL: "1" }, startup, liveness }));
    const slow = await until(runtime, NAME, ({ message }) => message.includes("503"));
    assert.equal(slow.phase, "starting");
    await ask(slow, "/well");
    assert.equal((await untilReady(runtime, NAME)).restarts, 0);
  });

  test("an instance whose startup probe fails too often is ended, and started again", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const hasty = { ...startup, failureThreshold: 2 };
    await runtime.run(specOf(bed.app, { env: { ILL: "1" }, startup: hasty }));
    const { lastExit } = await until(runtime, NAME, ({ restarts }) => restarts > 0);
    assert.equal(lastExit?.reason, "Unhealthy");
    assert.match(lastExit?.output ?? "", /startup probe failed: GET \/health answers 503/);
  });
}

function frozenSuite(makeBed: MakeBed): void {
  test("a frozen instance uses no processor, and answers as soon as it is thawed", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const liveness = { httpGet: { path: "/health" }, periodSeconds: 1, failureThreshold: 1 };
    await runtime.run(specOf(bed.app, { env: { BUSY: "1" }, liveness }));
    const before = await untilReady(runtime, NAME);
    await runtime.freeze(NAME);
    const { phase, message: _, thaw: _how, ...rest } = runtime.get(NAME) ?? assert.fail();
    assert.deepEqual([phase, { ...rest, phase: "ready", message: "" }], ["frozen", before]);
    await untilSo("it has come to a stop", async () => (await usedNs(runtime, 100)) === 0);
    assert.equal(await usedNs(runtime, 1500), 0, "a probe that failed would have it ended");
    const asking = ask(before, "/say/awake");
    await runtime.thaw(NAME);
    assert.deepEqual(runtime.get(NAME), before);
    assert.equal(await asking, "hello");
    await runtime.thaw(NAME);
    await runtime.freeze("default/never-00001-aaaaa");
    assert.deepEqual(runtime.list(), [before]);
  });

  test("a frozen instance stays so for the next runtime, and can be ended", async () => {
    await using bed = await makeBed();
    await using first = await bed.open();
    await first.run(specOf(bed.app));
    const before = await untilReady(first, NAME);
    await first.freeze(NAME);
    await first[Symbol.asyncDispose]();
    await using second = await bed.open();
    assert.equal(second.get(NAME)?.phase, "frozen");
    await second.thaw(NAME);
    assert.equal(await ask(before, "/"), "hello");
    await second.freeze(NAME);
    await second.stop(NAME);
    assert.deepEqual(second.list(), []);
    await assert.rejects(ask(before, "/"));
  });
}

/** The processor time that an instance uses in so many milliseconds. */
async function usedNs(runtime: Runtime, ms: number): Promise<number> {
  const before = await runtime.usage(NAME);
  await systemClock.sleep(ms);
  return ((await runtime.usage(NAME))?.cpuNs ?? 0) - (before?.cpuNs ?? 0);
}

function restartSuite(makeBed: MakeBed): void {
  test("an instance that ended is started again, and tells how it ended", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await runtime.run(specOf(bed.app));
    const first = await untilReady(runtime, NAME);
    await ask(first, "/say/last%20words");
    const seen: (string | undefined)[] = [];
    using _ = runtime.watch(() => seen.push(runtime.get(NAME)?.phase));
    await ask(first, "/exit/3").catch(() => {});
    const second = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts === 1);
    const { message = "", at, ...how } = second.lastExit ?? {};
    const output = "begun\nlast words";
    assert.deepEqual(how, { code: 3, reason: "Error", output, startedAt: first.startedAt });
    assert.deepEqual([message, at === undefined], ["", false]);
    assert.equal(second.createdAt, first.createdAt);
    assert(seen.includes("waiting"), "it waits before it is started again");
    assert.equal(await ask(second, "/"), "hello");
    await ask(second, "/exit/0").catch(() => {});
    const third = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts === 2);
    assert.equal(third.lastExit?.reason, "Completed");
  });
}

function logSuite(makeBed: MakeBed): void {
  test("what an instance wrote can be read and followed, also when it is gone", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await runtime.run(specOf(bed.app));
    const first = await untilReady(runtime, NAME);
    const following = Array.fromAsync(runtime.log(NAME, { follow: true }), textOf);
    await ask(first, "/say/one");
    await ask(first, "/exit/1").catch(() => {});
    const second = await until(runtime, NAME, (it) => it.phase === "ready" && it.restarts === 1);
    await ask(second, "/say/two");
    assert.deepEqual(await textsOf(runtime, { previous: true }), ["0 begun", "0 one"]);
    await runtime.stop(NAME);
    const all = ["0 begun", "0 one", "1 begun", "1 two"];
    assert.deepEqual(await following, all);
    assert.deepEqual(await textsOf(runtime), all);
    assert.deepEqual(await textsOf(runtime, { tailLines: 1 }), ["1 two"]);
    assert.deepEqual(await textsOf(runtime, { previous: true }), ["0 begun", "0 one"]);
  });

  test("there is no log of an instance that never was", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const reading = async () => await Array.fromAsync(runtime.log("default/never-00001-aaaaa"));
    await assert.rejects(reading, (thrown) => isReason(thrown, "NotFound"));
  });
}

function execSuite(makeBed: MakeBed): void {
  test("a command runs as the instance does, reads and writes, and says how it ended", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await runtime.run(specOf(bed.app, { env: { COLOR: "blue" } }));
    const env = JSON.parse(await ask(await untilReady(runtime, NAME), "/env"));
    const script =
      "const { env, stdin, stdout, stderr } = require('process');" +
      "stdout.write(env.COLOR + ' ' + env.PORT + '\\n'); stderr.write('oh\\n');" +
      "stdin.on('data', (it) => stdout.write(it + '\\n')).on('end', () => process.exit(3))";
    const request = { command: ["node", "-e", script], hasInput: true };
    using execution = await runtime.exec(NAME, request);
    execution.input?.end("typed");
    const [out, errors] = await Promise.all([text(execution.output), text(execution.errors)]);
    assert.deepEqual([out, errors], [`blue ${env.PORT}\ntyped\n`, "oh\n"]);
    assert.equal(await execution.ended, 3);
    assert.equal(await ask(await untilReady(runtime, NAME), "/"), "hello");
  });

  test("a command that nobody waits for is killed, and without input it has none", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    await runtime.run(specOf(bed.app));
    await untilReady(runtime, NAME);
    const command = ["node", "-e", "require('net').createServer().listen(0)"];
    const execution = await runtime.exec(NAME, { command: [...command], hasInput: false });
    assert.equal(execution.input, undefined);
    execution[Symbol.dispose]();
    assert.equal(await execution.ended, 137);
    execution[Symbol.dispose]();
  });

  test("a command that cannot run is refused, and so is one beside nothing", async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const asked = { command: ["no-such-program"], hasInput: false };
    const refused = async (reason: Reason) =>
      await assert.rejects(runtime.exec(NAME, asked), (thrown) => isReason(thrown, reason));
    await refused("NotFound");
    await runtime.run(specOf(bed.app));
    await untilReady(runtime, NAME);
    await refused("BadRequest");
  });
}

function adoptionSuite(makeBed: MakeBed): void {
  test("instances outlive the runtime, and the next one finds them as they were", async () => {
    await using bed = await makeBed();
    await using first = await bed.open();
    await first.run(specOf(bed.app));
    const before = await untilReady(first, NAME);
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    assert.equal(await ask(before, "/say/meanwhile"), "hello");

    await using second = await bed.open();
    assert.deepEqual(second.get(NAME), before);
    await ask(before, "/say/after");
    using execution = await second.exec(NAME, { command: ["node", "-v"], hasInput: false });
    assert.equal(await execution.ended, 0);
    const all = ["0 begun", "0 meanwhile", "0 after"];
    await untilSo("all lines are there", async () => (await textsOf(second)).length >= all.length);
    assert.deepEqual(await textsOf(second), all);
    await second.stop(NAME);
    await assert.rejects(ask(before, "/"));
  });

  test("an instance that ended while no runtime was there is started again", async () => {
    await using bed = await makeBed();
    await using first = await bed.open();
    await first.run(specOf(bed.app));
    const before = await untilReady(first, NAME);
    await first[Symbol.asyncDispose]();
    await ask(before, "/exit/1").catch(() => {});

    await using second = await bed.open();
    const after = await until(second, NAME, (it) => it.phase === "ready" && it.restarts === 1);
    assert.equal(after.createdAt, before.createdAt);
    assert.notEqual(after.lastExit, undefined);
  });
}

function textOf({ run, text }: { readonly run: number; readonly text: string }): string {
  return `${run} ${text}`;
}

async function textsOf(
  runtime: Runtime,
  options: { readonly previous?: boolean; readonly tailLines?: number } = {},
): Promise<readonly string[]> {
  return await Array.fromAsync(runtime.log(NAME, options), textOf);
}
