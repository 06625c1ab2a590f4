/** What containers leave behind to say why they ended, in each way to end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLog } from "../../src/base/log.ts";
import type { Exit, InstanceSpec } from "../../src/runtime/runtime.ts";
import { ask, specOf, until, untilReady, untilSo } from "../../src/runtime/test_bed.ts";
import { type ContainerBed, engineOfSuite } from "./bed.ts";

const NAME = "default/hello-00001-x7k2p";
const PATH = "/dev/termination-log";
const MEGABYTE = 1024 * 1024;

const { engine, options, makeBed } = engineOfSuite();

/** Leaves `TEXT` in what has to be an empty file, and goes on with a script. */
function leaving(then: string, path = PATH): readonly string[] {
  const script =
    `const { readFileSync: read, writeFileSync: write } = require("fs"), { env } = process;` +
    `const path = ${JSON.stringify(path)};` +
    `console.log(path); write(path, read(path, "utf8") === "" ? env.TEXT : "not empty"); ${then}`;
  return ["node", "-e", script];
}

type Change = Partial<InstanceSpec>;

/** How an instance ends twice in a row, the first time and the last. */
async function endOf(bed: ContainerBed, change: Change): Promise<Exit> {
  await using runtime = await bed.open();
  const env = { TEXT: "no database\n" };
  await runtime.run(specOf(bed.app, { env, ...change }));
  const first = await until(runtime, NAME, ({ lastExit }) => lastExit !== undefined);
  const { at } = first.lastExit ?? {};
  const { lastExit } = await until(runtime, NAME, (it) => it.lastExit?.at !== at);
  await runtime.stop(NAME);
  const said = ({ reason, code, message }: Partial<Exit> = {}) => ({ reason, code, message });
  assert.deepEqual(said(lastExit), said(first.lastExit), "each run begins with an empty file");
  return lastExit ?? assert.fail();
}

const scratch = { volumes: [{ name: "scratch" }], mounts: [{ volume: "scratch", path: "/data" }] };
const bare = { isRootReadOnly: true, isNeverRoot: true, droppedCapabilities: ["ALL"] };
const exit = "process.exit(3)";

const WAYS: readonly { title: string; change: Change; says: Partial<Exit> }[] = [
  { title: "exits", change: { command: leaving(exit) }, says: { reason: "Error", code: 3 } },
  {
    title: "exits without an error",
    change: { command: leaving("process.exit(0)") },
    says: { reason: "Completed", code: 0 },
  },
  {
    title: "is another user's, with a root that is only read and no directory for the file",
    change: {
      ...{ command: leaving(exit, "/no/such/why"), terminationMessagePath: "/no/such/why" },
      ...{ user: { uid: 1234, gid: 5678 }, security: { ...bare, mayGainPrivileges: false } },
    },
    says: { reason: "Error", code: 3 },
  },
  {
    title: "says it in a volume",
    change: {
      ...{ command: leaving(exit, "/data/why"), terminationMessagePath: "/data/why" },
      ...{ ...scratch, user: { uid: 1234 } },
    },
    says: { reason: "Error", code: 3 },
  },
  {
    title: "needs too much memory",
    change: {
      command: leaving("for (const all = []; ; ) all.push(Buffer.alloc(8e6, 1))"),
      limits: { memoryBytes: 96 * MEGABYTE },
    },
    says: { reason: "OutOfMemory", code: 137 },
  },
  {
    title: "is ended as its liveness probe fails",
    change: {
      command: leaving("process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 99)"),
      liveness: { exec: { command: ["node", "-e", exit] }, periodSeconds: 1, failureThreshold: 1 },
    },
    says: { reason: "Unhealthy", code: 9 },
  },
];

for (const { title, change, says } of WAYS)
  test(`what it left to say why it ended is told of one that ${title}`, options, async () => {
    await using bed = await makeBed();
    const { reason, code, message } = await endOf(bed, change);
    assert.deepEqual({ reason, code, message }, { ...says, message: "no database\n" });
  });

test("one that leaves nothing, or cannot be started, is told by its output", options, async () => {
  await using bed = await makeBed();
  const silent = await endOf(bed, { command: ["node", "-e", `console.log("oh"); ${exit}`] });
  assert.deepEqual([silent.message, silent.output], ["", "oh"]);
  const none = await endOf(bed, { command: ["/no/such"] });
  assert.deepEqual([none.reason, none.message], ["NotStarted", undefined]);
  const security = { isRootReadOnly: true };
  const inside = await endOf(bed, { security, terminationMessagePath: "/proc/why" });
  assert.equal(inside.reason, "NotStarted");
  assert.match(inside.output, /the container engine refuses: .*\/proc/);
});

test("what is not a word is bounded, and nothing else can be put there", options, async () => {
  await using bed = await makeBed();
  const tries =
    `const fs = require("fs"); const told = [() => fs.unlinkSync(path), () => ` +
    `fs.renameSync(path, "/dev/x"), () => { fs.symlinkSync("/etc/passwd", "/dev/y"); ` +
    `fs.renameSync("/dev/y", path); }].map((act) => { try { act(); return "done"; } ` +
    `catch (thrown) { return thrown.code; } }); write(path, Buffer.alloc(8e6)); ` +
    `write(path, "x".repeat(5000) + told.join(), { flag: "a" });`;
  const { message = "" } = await endOf(bed, { command: leaving(tries + exit) });
  assert.deepEqual([message.slice(-18), message.length], ["xEBUSY,EBUSY,EBUSY", 4096]);
});

test("a place in a volume that was made a link is no way to other files", options, async () => {
  await using bed = await makeBed();
  await using runtime = await bed.open();
  const terminationMessagePath = "/data/deep/why";
  const turn =
    `const fs = require("fs"); fs.renameSync("/data/deep", "/data/old" + Date.now()); ` +
    `fs.mkdirSync("/data/deep"); fs.symlinkSync("/etc/hostname", path); ${exit}`;
  const command = leaving(turn, terminationMessagePath);
  const env = { TEXT: "mine" };
  await runtime.run(specOf(bed.app, { command, env, terminationMessagePath, ...scratch }));
  const { lastExit } = await until(runtime, NAME, ({ restarts }) => restarts > 1);
  assert.deepEqual([lastExit?.reason, lastExit?.message], ["Error", "mine"]);
});

test("it outlives the container, and the server that was there", options, async () => {
  await using bed = await makeBed();
  const lines: string[] = [];
  const log = makeLog({ level: "debug", to: { write: (line) => void lines.push(line) } });
  await using first = await bed.open({ log });
  const serve =
    `require("http").createServer((asked, answer) => asked.url === "/exit" ? process.exit(4) : ` +
    "answer.end()).listen(8080)";
  const env = { TEXT: "no database" };
  await first.run(specOf(bed.app, { command: leaving(serve), env }));
  await untilReady(first, NAME);
  const [container = ""] = engine().docker("ps", "-q").split("\n");
  engine().docker("rm", "-f", container);
  const again = await until(first, NAME, (it) => it.phase === "ready" && it.restarts === 1);
  assert.equal(again.lastExit?.message, "no database", "it was removed at once");
  assert(lines.some((line) => line.includes("An instance ended")));
  assert(!lines.join("").includes("no database"), "it is for the owner, not for the operator");
  await first[Symbol.asyncDispose]();
  await ask(again, "/exit").catch(() => {});
  await untilSo("it has ended", () => engine().docker("ps", "-q").trim() === "");

  await using second = await bed.open();
  const { lastExit } = await until(second, NAME, (it) => it.phase === "ready" && it.restarts === 2);
  assert.deepEqual([lastExit?.code, lastExit?.message], [4, "no database"]);
});
