/** Services of prebuilt images, on a server with an engine and a registry of the test's own. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { conditionOf } from "../../src/api/condition.ts";
import { CONFIG_MAP, type ConfigMap } from "../../src/api/config_map.ts";
import type { Container } from "../../src/api/container.ts";
import type { Draft } from "../../src/api/meta.ts";
import { POD, type Pod } from "../../src/api/pod.ts";
import { SELF_SUBJECT_REVIEW, TOKEN_REVIEW } from "../../src/api/review.ts";
import { REVISION, type Revision } from "../../src/api/revision.ts";
import type { RevisionSpec } from "../../src/api/revision_spec.ts";
import { SECRET, type Secret } from "../../src/api/secret.ts";
import { SERVICE, type Service } from "../../src/api/service.ts";
import { SERVICE_ACCOUNT, type ServiceAccount } from "../../src/api/service_account.ts";
import { TestRegistry } from "../../src/oci/test_registry.ts";
import { untilSo } from "../../src/runtime/test_bed.ts";
import { Kubectl, whyNoKubectl } from "../kubernetes/kubectl.ts";
import { ready, VarveProcess } from "../support/varve_process.ts";
import { makeImage } from "./bed.ts";
import { OwnEngine, whyNoEngine } from "./engine.ts";

const LOGIN = { scheme: "basic", username: "reader", password: "secret" } as const;
const namespace = "default";

/** Listens on 8080 whatever it is told, and says what it is asked for. */
const APP = `
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
const { env, exit } = process;
process.on("SIGTERM", () => exit(0));
createServer((request, response) => {
  const [, way, rest = ""] = /^\\/(\\w*)(.*)$/.exec(request.url);
  console.log("asked for " + request.url);
  if (way === "exit") { console.error("no more"); exit(9); }
  if (way === "leave") { writeFileSync("/dev/termination-log", rest.slice(1)); exit(8); }
  if (way === "read") return response.end(readFileSync(rest, "utf8"));
  response.end(way === "env" ? env[rest.slice(1)] ?? "" : "hello from " + env.K_REVISION);
}).listen(8080, () => console.log("begun"));
`;
const H2C = `
import { createServer } from "node:http2";
process.on("SIGTERM", () => process.exit(0));
createServer((_, response) => response.end("two")).listen(Number(process.env.PORT));
`;

const why = whyNoEngine();
const options = { skip: why ?? false };
let engine: OwnEngine;
let registry: TestRegistry;
let varve: VarveProcess;

before(async () => {
  if (why !== undefined) return;
  engine = await OwnEngine.start();
  registry = new TestRegistry({ auth: LOGIN });
  await registry.start();
  const config = { Env: ["PATH=/usr/bin"], Cmd: ["node", "/app.mjs"] };
  registry.add("app:1", await makeImage({ files: { "app.mjs": APP }, config }));
  registry.add("two:1", await makeImage({ files: { "app.mjs": H2C }, config }));
  varve = await VarveProcess.start({ flags: ["--containers", `unix://${engine.socket}`] });
  await varve.client.create(pullSecret());
});
after(async () => {
  await varve?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

function pullSecret(): Draft<Secret> {
  const { username, password } = LOGIN;
  const auths = { auths: { [registry.host]: { username, password } } };
  const { apiVersion, kind } = SECRET;
  return {
    ...{ apiVersion, kind, type: "kubernetes.io/dockerconfigjson" },
    metadata: { namespace, name: "pull" },
    data: { ".dockerconfigjson": Buffer.from(JSON.stringify(auths)).toString("base64") },
  };
}

type More = Partial<RevisionSpec> & { readonly annotations?: Readonly<Record<string, string>> };

function serviceOf(name: string, container: Container, { annotations = {}, ...more }: More = {}) {
  const { apiVersion, kind } = SERVICE;
  const image = `${registry.host}/app:1`;
  const spec = { containers: [{ image, ...container }], imagePullSecrets: [{ name: "pull" }] };
  const draft: Draft<Service> = {
    ...{ apiVersion, kind },
    metadata: { namespace, name },
    spec: { template: { metadata: { annotations }, spec: { ...spec, ...more } } },
  };
  return draft;
}

async function ask(name: string, path = "/"): Promise<string> {
  const headers = { host: `${name}.default.localhost` };
  const { request } = await import("node:http");
  const { port } = new URL(varve.endpoints.gateway);
  return await new Promise((resolve, reject) => {
    const asked = request({ port, path, headers }, (answer) => {
      let said = "";
      answer.on("data", (chunk) => {
        said += chunk;
      });
      answer.once("end", () => resolve(said));
    });
    asked.once("error", reject).end();
  });
}

async function podsOf(service: string): Promise<readonly Pod[]> {
  const { items } = await varve.client.list(POD, { namespace });
  const label = "serving.knative.dev/service";
  return items.filter(({ metadata }) => metadata.labels?.[label] === service);
}

async function revisionOf(name: string): Promise<Revision | undefined> {
  const { items } = await varve.client.list(REVISION, { namespace });
  return items.find(({ metadata }) => metadata.name === `${name}-00001`);
}

test(
  "an image of a private registry with a fixed port serves, several times",
  options,
  async () => {
    const annotations = { "autoscaling.knative.dev/min-scale": "2" };
    await varve.client.create(serviceOf("fixed", {}, { annotations }));
    await ready(varve.client, "fixed");
    assert.equal(await ask("fixed"), "hello from fixed-00001");
    const addresses = new Set((await podsOf("fixed")).map(({ status }) => status?.podIP));
    // Where containers are reached by ports of this machine they share its address.
    assert.equal(addresses.size, addresses.has("127.0.0.1") ? 1 : 2);
    const { status } = (await revisionOf("fixed")) ?? {};
    assert.match(status?.containerStatuses?.[0]?.imageDigest ?? "", /app@sha256:[0-9a-f]{64}$/);
  },
);

test("an image that speaks HTTP/2 alone serves", options, async () => {
  const image = `${registry.host}/two:1`;
  const ports = [{ name: "h2c", containerPort: 9000 }];
  await varve.client.create(serviceOf("two", { image, ports }));
  await ready(varve.client, "two");
  assert.equal(await ask("two"), "two");
});

test("ConfigMaps and Secrets are mounted, and waited for", options, async () => {
  const volumes = [
    { name: "config", configMap: { name: "colors", items: [{ key: "main", path: "a/main" }] } },
    { name: "both", projected: { sources: [{ secret: { name: "pull" } }] } },
    { name: "scratch", emptyDir: {} },
  ];
  const volumeMounts = [
    { name: "config", mountPath: "/etc/colors" },
    { name: "both", mountPath: "/etc/both" },
    { name: "scratch", mountPath: "/scratch" },
  ];
  await varve.client.create(serviceOf("mounted", { volumeMounts }, { volumes }));
  await untilSo("it says what is missing", async () => {
    const { message = "" } = conditionOf((await revisionOf("mounted"))?.status, "Ready") ?? {};
    return message === 'ConfigMap "colors" not found, and the volume "config" mounts it.';
  });
  const { apiVersion, kind } = CONFIG_MAP;
  const metadata = { namespace, name: "colors" };
  await varve.client.create<ConfigMap>({ apiVersion, kind, metadata, data: { main: "blue" } });
  await ready(varve.client, "mounted");
  assert.equal(await ask("mounted", "/read/etc/colors/a/main"), "blue");
  assert.match(await ask("mounted", "/read/etc/both/.dockerconfigjson"), /reader/);
});

test("an instance has a token of its ServiceAccount while its Pod is there", options, async () => {
  const { apiVersion, kind } = SERVICE_ACCOUNT;
  const robot = { apiVersion, kind, metadata: { namespace, name: "robot" } };
  const sources = [
    { serviceAccountToken: { path: "token" } },
    { serviceAccountToken: { path: "vault/token", audience: "vault", expirationSeconds: 600 } },
  ];
  const more = { serviceAccountName: "robot", volumes: [{ name: "id", projected: { sources } }] };
  const volumeMounts = [{ name: "id", mountPath: "/id" }];
  await varve.client.create(serviceOf("acting", { volumeMounts }, more));
  await untilSo("it says what is missing", async () => {
    const { message = "" } = conditionOf((await revisionOf("acting"))?.status, "Ready") ?? {};
    return message.startsWith('ServiceAccount "robot" not found');
  });
  await varve.client.create<ServiceAccount>(robot);
  await ready(varve.client, "acting");
  const [pod] = await podsOf("acting");
  const [token, vault] = [await ask("acting", "/read/id/token"), await ask("acting", VAULT)];
  const user = "system:serviceaccount:default:robot";
  assert.deepEqual(await whoIs(token), { code: 201, user, pod: pod?.metadata.name });
  assert.equal((await whoIs(vault)).code, 401, "it is for somebody else");
  assert.equal((await reviewed(vault, ["vault"])).user?.username, user);
  assert(pod !== undefined);
  const records = join(varve.home, "runtime/containers/instances");
  const key = encodeURIComponent(`${namespace}/${pod.metadata.name}`);
  const record = readFileSync(join(records, key, "record.json"), "utf8");
  assert(!record.includes(Buffer.from(token).toString("base64")), "it is sealed");
  await varve.client.delete(pod);
  await untilSo("it is refused", async () => (await whoIs(token)).code === 401);
  assert.match((await reviewed(vault, ["vault"])).error ?? "", /the Pod .* has been deleted/);
});

const VAULT = "/read/id/vault/token";

interface Reviewed {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly user?: { readonly username: string; readonly extra?: Record<string, string[]> };
}

async function reviewed(token: string, audiences: readonly string[]): Promise<Reviewed> {
  const { apiVersion, kind } = TOKEN_REVIEW;
  const body = { apiVersion, kind, spec: { token, audiences } };
  const url = `/apis/${apiVersion}/tokenreviews`;
  return (await varve.client.send<{ readonly status: Reviewed }>("POST", url, { body })).status;
}

/** Asks the API with nothing but this token. */
async function whoIs(token: string) {
  const { request } = await import("node:https");
  const { apiVersion, kind } = SELF_SUBJECT_REVIEW;
  const url = new URL(`/apis/${apiVersion}/selfsubjectreviews`, varve.endpoints.api);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const options = { method: "POST", headers, rejectUnauthorized: false, agent: false } as const;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(url, options, resolve);
    asked.once("error", reject).end(JSON.stringify({ apiVersion, kind }));
  });
  const { status } = JSON.parse(await text(answer));
  const { username: user, extra } = status.userInfo ?? {};
  const [pod] = extra?.["authentication.kubernetes.io/pod-name"] ?? [];
  return { code: answer.statusCode, user, pod };
}

test("what fails at its start says how, with its last words", options, async () => {
  const command = ["node", "-e", "console.error('no database'); process.exit(127)"];
  await varve.client.create(serviceOf("failing", { command }));
  await untilSo("it says how it failed", async () => {
    const { reason, message } = conditionOf((await revisionOf("failing"))?.status, "Ready") ?? {};
    return reason === "ExitCode127" && message === "Container failed with: no database";
  });
  await varve.client.delete(await varve.client.get(SERVICE, { namespace, name: "failing" }));
});

test("what fails says what it left for that, also by kubectl", options, async (context) => {
  const script =
    "require('fs').writeFileSync('/run/why', 'no database'); console.log('at main.js:3'); " +
    "process.exit(127)";
  const command = ["node", "-e", script];
  const how = { terminationMessagePath: "/run/why", terminationMessagePolicy: "File" };
  await varve.client.create(serviceOf("leaving", { command, ...how }));
  await untilSo("it says how it failed", async () => {
    const { reason, message } = conditionOf((await revisionOf("leaving"))?.status, "Ready") ?? {};
    return reason === "ExitCode127" && message === "Container failed with: no database";
  });
  const [pod] = await podsOf("leaving");
  const [{ lastState } = {}] = pod?.status?.containerStatuses ?? [];
  assert.equal(lastState?.terminated?.message, "no database");
  const none = whyNoKubectl();
  if (none !== false) return context.skip(none);
  const described = await new Kubectl(varve).says(`describe pod ${pod?.metadata.name}`);
  assert.match(described, /Last State: +Terminated\s+Reason: +Error\s+Message: +no database\n/);
  await varve.client.delete(await varve.client.get(SERVICE, { namespace, name: "leaving" }));
});

test("kubectl shows, reads, measures and enters a container", options, async (context) => {
  const none = whyNoKubectl();
  if (none !== false) return context.skip(none);
  await varve.client.create(serviceOf("seen", {}));
  await ready(varve.client, "seen");
  await ask("seen", "/once");
  const [pod] = await podsOf("seen");
  const name = pod?.metadata.name ?? "";
  const kubectl = new Kubectl(varve);
  await untilSo("the lines are there", async () =>
    (await kubectl.says(`logs ${name}`)).includes("begun\nasked for /once"),
  );
  assert.match(await kubectl.says(`exec ${name} -- node -p`, "6*7"), /^42$/m);
  assert.match(await kubectl.says(`top pod ${name}`), new RegExp(`${name} +\\d+m +\\d+Mi`));
  await ask("seen", "/exit").catch(() => "");
  await untilSo("it is started again", async () => {
    const [{ status } = { status: undefined }] = await podsOf("seen");
    const [container] = status?.containerStatuses ?? [];
    return container?.restartCount === 1 && container.ready === true;
  });
  assert.match(await kubectl.says(`logs --previous ${name}`), /^no more$/m);
  assert.match(await kubectl.says("get nodes -o wide"), /varve-process\+container:\/\//);
});

test("a service nobody asks for is frozen, and answers when somebody does", options, async () => {
  const annotations = { "autoscaling.knative.dev/window": "6s" };
  await varve.client.create(serviceOf("rare", {}, { annotations }));
  await ready(varve.client, "rare");
  await untilSo(
    "it is frozen",
    async () => (await revisionOf("rare"))?.status?.frozenReplicas === 1,
  );
  const states = () => engine.docker("ps", "-a", "--format", "{{.Names}} {{.Status}}");
  await untilSo("it is paused", () =>
    /default\.rare-00001-\S+ (Up .*\(Paused\)|paused)/i.test(states()),
  );
  assert.equal(await ask("rare"), "hello from rare-00001");
});

test("containers outlive the server, which finds them again", options, async () => {
  await varve.client.create(serviceOf("lasting", {}));
  await ready(varve.client, "lasting");
  const before = (await podsOf("lasting")).map(({ metadata }) => metadata.uid);
  const states = () => engine.docker("ps", "-q", "--filter", "name=lasting");
  const running = states();
  await varve.kill();
  assert.equal(await ask("lasting"), "hello from lasting-00001");
  await varve.start();
  await ready(varve.client, "lasting");
  assert.equal(await ask("lasting"), "hello from lasting-00001");
  assert.deepEqual(
    [states(), (await podsOf("lasting")).map(({ metadata }) => metadata.uid)],
    [running, before],
  );
});

test("an end that no server saw is told by what was left for it", options, async () => {
  await varve.client.create(serviceOf("unseen", {}));
  await ready(varve.client, "unseen");
  await varve.kill();
  await ask("unseen", "/leave/nobody").catch(() => "");
  await varve.start();
  await untilSo("it is started again, and says why", async () => {
    const [pod] = await podsOf("unseen");
    const [{ lastState, ready } = {}] = pod?.status?.containerStatuses ?? [];
    const { exitCode, message } = lastState?.terminated ?? {};
    return ready === true && exitCode === 8 && message === "nobody";
  });
  await varve.client.delete(await varve.client.get(SERVICE, { namespace, name: "unseen" }));
});

test(
  "without an engine a service says what it takes, and serves once there is one",
  options,
  async () => {
    await engine.stop();
    await varve.client.create(serviceOf("waiting", {}));
    await untilSo("it says that there is no engine", async () => {
      const { status } = (await revisionOf("waiting")) ?? {};
      const { reason, message = "" } = conditionOf(status, "Ready") ?? {};
      if (reason !== "RuntimeMissing") return false;
      assert.match(
        message,
        /As a plain process: it was not made for .* As a container: no container/,
      );
      assert.match(message, /Install Docker or Podman and start it/);
      return true;
    });
    await engine.start();
    await ready(varve.client, "waiting");
    assert.equal(await ask("waiting"), "hello from waiting-00001");
  },
);
