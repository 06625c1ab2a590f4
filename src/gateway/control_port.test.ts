import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { Link } from "./link.ts";
import { PROTOCOL, type ToControl, type ToWorker, type Version } from "./protocol.ts";
import { ask, backendOf, Instance, Rig, routeOf, until } from "./rig.ts";
import { WorkerFiles, type WorkerRecord } from "./worker_files.ts";

const ID = "default/a-00001";
const HOST = "a.localhost";

/** A control process that says what a test wants it to. */
class Stranger implements Disposable {
  readonly heard: ToControl[] = [];
  isClosed = false;
  readonly #link: Link<ToWorker, ToControl>;

  constructor({ path }: WorkerRecord) {
    this.#link = new Link(connect(path), {
      receive: (message) => void this.heard.push(message),
      closed: () => {
        this.isClosed = true;
      },
    });
  }

  say(message: ToWorker): void {
    this.#link.send(message);
  }

  /** Waits for the next thing that is heard. */
  async hears(): Promise<ToControl | undefined> {
    await until("something is heard", () => this.heard.length > 0);
    return this.heard.shift();
  }

  [Symbol.dispose](): void {
    this.#link.close();
  }
}

test("a worker obeys who knows its token, and takes changes on their table alone", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using a = await Instance.start("a");
  await fleet.putBackend(backendOf(ID, [a]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  await fleet[Symbol.asyncDispose]();
  const [record] = new WorkerFiles(rig.home).readAll();
  assert(record !== undefined);
  using wrong = new Stranger(record);
  wrong.say({ type: "hello", protocol: PROTOCOL, token: "guessed" });
  await until("it is closed", () => wrong.isClosed);
  assert.deepEqual(wrong.heard, []);

  using control = new Stranger(record);
  control.say({ type: "hello", protocol: PROTOCOL, token: record.token });
  const hello = await control.hears();
  assert(hello?.type === "hello" && hello.version !== undefined);
  const { version } = hello;
  assert.deepEqual(hello, { type: "hello", protocol: PROTOCOL, ...fleet.address, version });
  control.say({ type: "read" });
  const changes = [{ putBackend: backendOf(ID, [a]) }, { putRoute: routeOf(HOST, { [ID]: 100 }) }];
  const part = await control.hears();
  assert(part?.type === "part");
  assert.deepEqual(
    part.changes.filter((it) => "putBackend" in it || "putRoute" in it),
    changes,
  );
  assert.deepEqual(await control.hears(), { type: "whole", isSettled: false });

  const next: Version = { epoch: "mine", number: version.number + 1 };
  const drop = [{ deleteRoute: `default/${HOST}` }];
  const change = { type: "change", version: next, isSettled: true, changes: drop } as const;
  control.say({ ...change, after: { ...version, number: version.number - 1 } });
  assert.deepEqual(await control.hears(), { type: "behind" });
  assert.equal((await ask(fleet.address, { host: HOST })).code, 200);
  control.say({ ...change, after: version });
  assert.deepEqual(await control.hears(), { type: "confirmed", version: next });
  assert.equal((await ask(fleet.address, { host: HOST })).code, 404);
});

test("a link that breaks is made anew, and what was said meanwhile arrives", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using a = await Instance.start("a");
  const [record] = new WorkerFiles(rig.home).readAll();
  assert(record !== undefined);
  for (let round = 0; round < 5; round += 1) {
    // A worker has one control process, the newest: so this one's link breaks.
    using control = new Stranger(record);
    control.say({ type: "hello", protocol: PROTOCOL, token: record.token });
    await control.hears();
    const id = `${ID}-${round}`;
    await fleet.putBackend(backendOf(id, [a]));
    await fleet.putRoute(routeOf(`${round}.${HOST}`, { [id]: 100 }));
    assert.equal((await ask(fleet.address, { host: `${round}.${HOST}` })).body, "a");
    await until("the other is let go", () => control.isClosed);
  }
});

test("what is no line of JSON, or has no end, closes the link and nothing else", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using a = await Instance.start("a");
  const [record] = new WorkerFiles(rig.home).readAll();
  assert(record !== undefined);
  for (const said of ["{}\n", "what?\n", "null\n", "[1,\n", "x".repeat(5e6)]) {
    const socket = connect(record.path);
    let isClosed = false;
    socket.on("error", () => {});
    socket.on("close", () => {
      isClosed = true;
    });
    socket.write(said);
    await until(`it is closed after ${said.slice(0, 5)}`, () => isClosed);
  }
  await fleet.putBackend(backendOf(ID, [a]));
});
