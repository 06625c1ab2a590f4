import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Condition, conditionOf } from "../../src/api/condition.ts";
import type { Container } from "../../src/api/container.ts";
import type { Draft } from "../../src/api/meta.ts";
import { REVISION } from "../../src/api/revision.ts";
import { SERVICE, type Service } from "../../src/api/service.ts";
import { makeTestImage } from "../../src/oci/test_image.ts";
import { TestRegistry } from "../../src/oci/test_registry.ts";
import { ready, VarveProcess } from "../support/varve_process.ts";

// What real images and real processes do wrong, as their owner sees it (spec/elafros §8).

const WITHIN_MS = 60_000;
const SERVER = `
  import { createServer } from "node:http";
  createServer((_, answer) => answer.end("here")).listen(process.env.PORT);`;

const registry = new TestRegistry();
let varve: VarveProcess;
before(async () => {
  await registry.start();
  varve = await VarveProcess.start();
});
after(async () => {
  await varve[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

async function push(name: string, command: readonly string[]): Promise<void> {
  const config = { Cmd: [...command], Labels: { "varve.dev/runtime": "process" } };
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  registry.add(
    name,
    await makeTestImage({ layers: [{ "app.mjs": SERVER }], config, architecture }),
  );
}

async function deploy(name: string, more: Partial<Container> = {}): Promise<void> {
  const { apiVersion, kind } = SERVICE;
  const containers = [{ image: `${registry.host}/${name}:1`, ...more }];
  const draft: Draft<Service> = {
    ...{ apiVersion, kind, metadata: { namespace: "default", name } },
    spec: { template: { spec: { containers } } },
  };
  await varve.client.create<Service>(draft);
}

/** What the Service says of Ready as soon as that is False. */
async function failure(name: string): Promise<Condition> {
  const lateMs = Date.now() + WITHIN_MS;
  for (;;) {
    const service = await varve.client.get(SERVICE, { namespace: "default", name });
    const said = conditionOf(service.status, "Ready");
    if (said?.status === "False") return said;
    assert(Date.now() < lateMs, `${name} does not fail: ${JSON.stringify(service.status)}`);
    await sleep(50);
  }
}

test("ERR-10: an image that no registry has is told of, and is used when it is there", async () => {
  await deploy("missing");
  const { reason, message = "" } = await failure("missing");
  assert.equal(reason, "ContainerMissing");
  assert.match(message, /^Unable to fetch image "127\.0\.0\.1:\d+\/missing:1": .{10}/);
  await push("missing:1", ["node", "app.mjs"]);
  const { status } = await ready(varve.client, "missing", WITHIN_MS);
  assert.equal(status?.latestReadyRevisionName, "missing-00001");
});

test("ERR-11: a program that ends at its start tells its code and its last words", async () => {
  await push("broken:1", ["sh", "-c", "echo starting; echo no such database >&2; exit 127"]);
  await deploy("broken");
  const { reason, message = "" } = await failure("broken");
  assert.equal(reason, "ExitCode127");
  assert.match(message, /^Container failed with: (starting\n)?no such database/);
  const key = { namespace: "default", name: "broken-00001" };
  const { status } = await varve.client.get(REVISION, key);
  const healthy = conditionOf(status, "ContainerHealthy");
  assert.deepEqual([healthy?.status, healthy?.reason], ["False", "ExitCode127"]);
  assert.match(status?.logUrl ?? "", /^https:\/\/.*broken-00001/);
});

const ROOT = { skip: process.getuid?.() === 0 ? false : "only root runs something as another" };

test(
  "a user who may not pass to its files is told where, and what to do about it",
  ROOT,
  async () => {
    await push("another:1", ["sh", "-c", "id -u; touch $HOME/x && exit 3"]);
    await chmod(varve.home, 0o700);
    await deploy("another", { securityContext: { runAsUser: 4321 } });
    const { message = "" } = await failure("another");
    assert.match(
      message,
      /user 4321 .* whom "[^"]+" does not let pass \(mode 0700.* --home .* chmod/,
    );
    assert(message.includes(`"${varve.home}"`), message);
    await chmod(varve.home, 0o711);
    const lateMs = Date.now() + WITHIN_MS;
    while ((await failure("another")).message !== "Container failed with: 4321") {
      assert(Date.now() < lateMs, JSON.stringify(await failure("another")));
      await sleep(50);
    }
  },
);
