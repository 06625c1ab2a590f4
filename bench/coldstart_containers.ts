/** What a first request waits for where the instance is a container, beside `docker run`. */
import { execFileSync } from "node:child_process";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { REVISION } from "../src/api/revision.ts";
import { SERVICE } from "../src/api/service.ts";
import { TestRegistry } from "../src/oci/test_registry.ts";
import { makeImage } from "../test/containers/bed.ts";
import { OwnEngine, whyNoEngine } from "../test/containers/engine.ts";
import { ready, VarveProcess } from "../test/support/varve_process.ts";
import { elapsedMs, inTurn, rounded, times } from "./report.ts";

const ROUNDS = 7;
const PORT = 19_082;
/** Beside `docker run`. */
const BUDGET = 1.2;
const HOST = "app.default.localhost";
const APP = `process.on("SIGTERM", () => process.exit(0));
require("node:http").createServer((_, res) => res.end("hello")).listen(Number(process.env.PORT));`;

/** Tells the lines, or why there are none. `bareMs` is how long the app takes by itself. */
export async function tellContainers(bareMs: number, tell: (text: string) => void): Promise<void> {
  const why = whyNoEngine();
  if (why !== undefined) return tell(`containers: not measured, for ${why}`);
  await using engine = await OwnEngine.start();
  await using registry = new TestRegistry();
  await registry.start();
  const config = { Env: ["PATH=/usr/bin"], Cmd: ["node", "/app.cjs"] };
  registry.add("app:1", await makeImage({ files: { "app.cjs": APP }, config }));
  const flags = ["--containers", `unix://${engine.socket}`];
  await using varve = await VarveProcess.start({ flags });
  await deploy(varve, `${registry.host}/app:1`);
  await ready(varve.client, "app");
  const [image = ""] = engine.docker("images", "-q").split("\n");
  const port = Number(new URL(varve.endpoints.gateway).port);

  const { stopped, docker, warm } = await inTurn(ROUNDS, {
    stopped: async () => {
      await untilResting(varve, 0);
      return await elapsedMs(() => get(port));
    },
    warm: async () => await elapsedMs(() => get(port)),
    docker: async () => await dockerRunMs(engine, image),
  });
  const kept = stopped <= BUDGET * docker ? "kept" : "missed";
  tell(
    `container, stopped: first byte after ${rounded(stopped)} ms, ${times(stopped, docker)} ` +
      `\`docker run\` (${rounded(docker)} ms), ${times(stopped, bareMs)} bare \`node\` ` +
      `(${rounded(bareMs)} ms); budget ${BUDGET} x \`docker run\`: ${kept}`,
  );
  await freezes(varve);
  const { frozen, again } = await inTurn(ROUNDS, {
    frozen: async () => {
      await untilResting(varve, 1);
      return await elapsedMs(() => get(port));
    },
    again: async () => await elapsedMs(() => get(port)),
  });
  tell(
    `container, frozen: first byte after ${rounded(frozen)} ms, +${rounded(frozen - again)} ms ` +
      `over a warm one (${rounded(warm)} ms)`,
  );
}

/** The shortest window that the autoscaler takes, and no floor in between at first. */
const SCALING = { "autoscaling.knative.dev/window": "6s", "varve.dev/frozen-for": "0s" };

async function deploy({ client }: VarveProcess, image: string): Promise<void> {
  const { apiVersion, kind } = SERVICE;
  const metadata = { namespace: "default", name: "app", annotations: {} };
  const template = { metadata: { annotations: SCALING }, spec: { containers: [{ image }] } };
  await client.create({ apiVersion, kind, metadata, spec: { template } });
}

/** From now on it is frozen and not stopped: a new revision, as a template never changes. */
async function freezes({ client }: VarveProcess): Promise<void> {
  const service = await client.get(SERVICE, { namespace: "default", name: "app" });
  const { template } = service.spec;
  const annotations = { ...SCALING, "varve.dev/frozen-for": "1h" };
  const spec = { ...service.spec, template: { ...template, metadata: { annotations } } };
  await client.put({ ...service, spec });
  await untilResting({ client }, 1);
}

async function untilResting({ client }: Pick<VarveProcess, "client">, frozen: number) {
  for (let tries = 0; tries < 600; tries += 1) {
    const { items } = await client.list(REVISION);
    const latest = items.toSorted((one, other) =>
      one.metadata.name.localeCompare(other.metadata.name),
    );
    const { desiredReplicas, actualReplicas, frozenReplicas = 0 } = latest.at(-1)?.status ?? {};
    if (desiredReplicas === 0 && actualReplicas === 0 && frozenReplicas === frozen) {
      // What the engine was told has come to be as well.
      return await sleep(500);
    }
    await sleep(100);
  }
  throw new Error("it never came to rest");
}

async function dockerRunMs(engine: OwnEngine, image: string): Promise<number> {
  const args = ["run", "-d", "-e", `PORT=${PORT}`, "-p", `127.0.0.1:${PORT}:${PORT}`, image];
  let id = "";
  const ms = await elapsedMs(async () => {
    id = engine.docker(...args).trim();
    while (!(await get(PORT).then(isSo, isNot))) await sleep(1);
  });
  execFileSync("docker", ["-H", `unix://${engine.socket}`, "rm", "-f", id], { stdio: "ignore" });
  return ms;
}

const isSo = () => true;
const isNot = () => false;

function get(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const asked = request({ port, agent: false, headers: { host: HOST } }, (answer) => {
    const isFine = answer.statusCode === 200;
    answer.resume().once("end", () => {
      if (isFine) resolve();
      else reject(new Error(`it answers ${answer.statusCode}`));
    });
  });
  asked.once("error", reject).end();
  return promise;
}
