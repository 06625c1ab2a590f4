import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { SERVICE, type Service } from "../../src/api/service.ts";
import { makeTestImage } from "../../src/oci/test_image.ts";
import { TestRegistry } from "../../src/oci/test_registry.ts";
import { processes } from "../../src/runtime/process/process_table.ts";
import { ready, VarveProcess } from "../support/varve_process.ts";

const SERVER = `
  import { createServer } from "node:http";
  createServer((_, answer) => answer.end("here")).listen(process.env.PORT);`;
const SPIN = "(while :; do :; done) &";
const SERVER_SIDE = /^\d+:(cpu|cpu,cpuacct):.*\.varve-server$/m;
const ASKED = 100;

test("API and gateway answer while instances want more than all processors", async () => {
  await using registry = new TestRegistry();
  await registry.start();
  await using varve = await VarveProcess.start();
  const many = Array.from({ length: 4 * availableParallelism() }, () => SPIN).join(" ");
  await deploy({ registry, varve }, "quiet", { script: "", cpu: "100m" });
  await deploy({ registry, varve }, "busy", { script: many, cpu: "4" });
  for (let count = 0; count < ASKED; count += 1) {
    assert.equal(await ask(varve, "quiet"), "here");
    const { items } = await varve.client.list<Service>(SERVICE, { namespace: "default" });
    assert.equal(items.length, 2);
  }
  const own = [
    varve.pid,
    ...processes().flatMap((it) => (it.parent === varve.pid ? [it.pid] : [])),
  ];
  const cgroups = own.map((pid) => readFileSync(`/proc/${pid}/cgroup`, "utf8"));
  const isWeighed = SERVER_SIDE.test(cgroups[0] ?? "");
  const beside = cgroups.filter((it) => SERVER_SIDE.test(it)).length;
  assert(!isWeighed || beside > 1, "the workers of the gateway stand where the server does");
});

interface World {
  readonly registry: TestRegistry;
  readonly varve: VarveProcess;
}

interface Load {
  readonly script: string;
  /** What it asks for. */
  readonly cpu: string;
}

async function deploy({ registry, varve }: World, name: string, { script, cpu }: Load) {
  const Cmd = ["sh", "-c", `${script} exec node app.mjs`];
  const config = { Cmd, Labels: { "varve.dev/runtime": "process" } };
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const parts = { layers: [{ "app.mjs": SERVER }], config, architecture };
  registry.add(`${name}:1`, await makeTestImage(parts));
  const containers = [{ image: `${registry.host}/${name}:1`, resources: { requests: { cpu } } }];
  const annotations = { "autoscaling.knative.dev/min-scale": "1" };
  await varve.client.create<Service>({
    ...{ apiVersion: SERVICE.apiVersion, kind: SERVICE.kind },
    metadata: { namespace: "default", name },
    spec: { template: { metadata: { annotations }, spec: { containers } } },
  });
  await ready(varve.client, name);
}

function ask({ endpoints }: VarveProcess, name: string): Promise<string> {
  const headers = { host: `${name}.default.localhost` };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request({ port: new URL(endpoints.gateway).port, headers }, (answer) => {
    let said = "";
    answer.on("data", (chunk) => {
      said += chunk;
    });
    answer.once("end", () => resolve(said));
  });
  asked.once("error", reject).end();
  return promise;
}
