/** What instances do when their engine ends, and comes back. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ask, specOf, until, untilReady } from "../../src/runtime/test_bed.ts";
import { engineOfSuite } from "./bed.ts";

const { engine, options, makeBed } = engineOfSuite();

/** Serves, and takes its time over ending. */
const SLOW = `
import { createServer } from "node:http";
process.on("SIGTERM", () => setTimeout(() => process.exit(0), 2000));
createServer((_, answer) => answer.end("slow")).listen(8080);
`;

/** What is mounted for containers, by an engine that runs or by one that does not. */
function mounts(): readonly string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const points = lines.map((line) => line.split(" ")[4] ?? "");
  return points.filter((point) => point.startsWith(`${engine().directory}/`));
}

test(
  "nothing is begun by an engine that ends what it runs, until it is back",
  options,
  async () => {
    await using bed = await makeBed();
    await using runtime = await bed.open();
    const slow = await bed.image(
      { "app.mjs": SLOW },
      { Cmd: ["node", "/app.mjs"], Env: ["PATH=/usr/bin"] },
    );
    const specs = [
      specOf(bed.app, { name: "default/quick-00001-a" }),
      specOf(bed.app, { name: "default/quick-00001-b" }),
      specOf(slow, { name: "default/slow-00001-a" }),
    ];
    for (const spec of specs) await runtime.run(spec);
    for (const { name } of specs) await untilReady(runtime, name);
    await engine().stop();
    const left = mounts();
    await engine().start();
    for (const { name } of specs) {
      const again = await until(runtime, name, (it) => it.phase === "ready" && it.restarts > 0);
      assert.equal(again.restarts, 1, `${name} was begun while its engine was ending or away`);
      await ask(again, "/");
    }
    assert.deepEqual(left, []);
  },
);

test("an instance that others stop is begun again, beside one that runs on", options, async () => {
  await using bed = await makeBed();
  await using runtime = await bed.open();
  const [stopped, other] = ["default/stopped-00001-a", "default/other-00001-a"];
  for (const name of [stopped, other]) {
    await runtime.run(specOf(bed.app, { name }));
    await untilReady(runtime, name);
  }
  const told: (string | undefined)[] = [];
  using _ = runtime.watch((name) => told.push(runtime.get(name)?.lastExit?.reason));
  const container = engine().docker("ps", "-q", "--filter", `label=varve.dev/instance=${stopped}`);
  engine().docker("stop", container.trim());
  const again = await until(runtime, stopped, (it) => it.phase === "ready" && it.restarts === 1);
  assert.equal(await ask(again, "/"), "hello");
  assert(!told.includes("NotStarted"), "it did not have to wait, for the other was left alone");
});

test("the only instance is begun again as well, when the engine has stayed", options, async () => {
  await using bed = await makeBed();
  await using runtime = await bed.open();
  await runtime.run(specOf(bed.app));
  const { spec } = await untilReady(runtime, specOf(bed.app).name);
  engine().docker("stop", engine().docker("ps", "-q").trim());
  const held = await until(runtime, spec.name, ({ phase }) => phase === "waiting");
  const { message } = await until(runtime, spec.name, (it) => it.lastExit?.reason === "NotStarted");
  assert.equal(held.restarts, 0);
  assert.match(message, /the container engine has told all .*; it is started when that is over/);
  await until(runtime, spec.name, (it) => it.phase === "ready" && it.restarts === 1);
});
