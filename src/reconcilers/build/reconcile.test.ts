import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { NOW } from "../../../test/world/world_clock.ts";
import { BUILD, type Build } from "../../api/build.ts";
import type { BuildSpec } from "../../api/build_spec.ts";
import { BUILD_TEMPLATE } from "../../api/build_template.ts";
import { conditionOf } from "../../api/condition.ts";
import { CONFIG_MAP } from "../../api/config_map.ts";
import { EVENT } from "../../api/event.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { SECRET } from "../../api/secret.ts";
import { SERVICE } from "../../api/service.ts";
import { SERVICE_ACCOUNT } from "../../api/service_account.ts";
import { type PartState, stepsIdOf } from "../../build/build.ts";

const KEY = { namespace: "default", name: "b" };
const ID = stepsIdOf(KEY);
const STEPS = [{ name: "one", image: "example.com/one" }, { image: "example.com/two" }];
const PART = { image: "example.com/one", isStep: true };
const DONE = { startedAt: NOW, endedAt: NOW, exitCode: 0, reason: "Completed" };

test("a Build is handed to the builder as it stands, with its Pod beside it", async () => {
  await using world = await World.make();
  await make(world, {
    source: { git: { url: "https://example.com/a.git", revision: "v1" }, subPath: "app" },
    steps: STEPS,
    timeout: "90s",
  });
  const container = { env: {}, mounts: [], limits: { cpuShares: 2 } };
  assert.deepEqual(world.builder.planOf(ID), {
    parts: [
      {
        type: "source",
        container: "build-step-git-source-0",
        source: {
          from: { type: "git", url: "https://example.com/a.git", revision: "v1" },
          targetPath: "",
        },
      },
      {
        type: "step",
        container: "build-step-one",
        step: { ...container, image: "example.com/one" },
      },
      {
        type: "step",
        container: "build-step-unnamed-1",
        step: { ...container, image: "example.com/two" },
      },
    ],
    ...{ volumes: [], logins: { git: [], docker: [] }, subPath: "app", timeLimitMs: 90_000 },
  });
  assert.equal(said(world), "Unknown Pending: The build waits for its turn.");
  assert.equal(world.get(POD, "b-pod").metadata.labels?.["build.knative.dev/buildName"], "b");
});

test("step status: what runs, and what has ended, is told in the order of the steps", async () => {
  await using world = await World.make();
  await make(world, { steps: STEPS });
  const parts: PartState[] = [
    { ...DONE, container: "build-step-credential-initializer", image: "varve", isStep: false },
    { ...PART, ...DONE, container: "build-step-one" },
    { ...PART, container: "build-step-unnamed-1", startedAt: NOW },
  ];
  const step = "build-step-unnamed-1";
  world.builder.report(ID, { phase: "Building", step, startedAt: NOW, parts });
  await world.settle();
  const { stepStates, stepsCompleted, builder, cluster, startTime } = status(world) ?? {};
  assert.deepEqual(
    { stepStates, stepsCompleted, builder, cluster, startTime },
    {
      stepStates: [
        {
          terminated: { exitCode: 0, reason: "Completed", startedAt: NOW, finishedAt: NOW },
        },
        { running: { startedAt: NOW } },
      ],
      stepsCompleted: ["build-step-one"],
      builder: "Cluster",
      cluster: { namespace: "default", podName: "b-pod" },
      startTime: NOW,
    },
  );
  assert.equal(said(world), `Unknown Building: The build is running: ${step}`);
  const states = world.get(POD, "b-pod").status?.initContainerStatuses ?? [];
  assert.deepEqual(
    states.map(({ name, state }) => [name, Object.keys(state ?? {})[0]]),
    [
      ["build-step-credential-initializer", "terminated"],
      ["build-step-one", "terminated"],
      ["build-step-unnamed-1", "running"],
    ],
  );
});

const FAILED = { phase: "Failed", startedAt: NOW, completedAt: NOW } as const;

for (const { title, state, says } of [
  {
    title: "that has done all",
    state: { phase: "Succeeded", startedAt: NOW, completedAt: NOW } as const,
    says: "True undefined: undefined",
  },
  {
    title: "whose step failed",
    state: {
      ...FAILED,
      reason: "BuildStepFailed",
      message: 'Step "build-step-one" failed with exit code 3: no such target',
      parts: [{ ...PART, ...DONE, container: "build-step-one", exitCode: 3 }],
    } as const,
    says:
      'False BuildExecuteFailed: Step "build-step-one" failed with exit code 3: no such target; ' +
      "for logs run: kubectl -n default logs b-pod -c build-step-one",
  },
  {
    title: "that took too long",
    state: { ...FAILED, reason: "BuildTimeout", message: "too long" } as const,
    says: 'False BuildTimeout: Build "b" failed to finish within "10m0s"',
  },
]) {
  test(`a Build ${title} says so, for good, and with an Event`, async () => {
    await using world = await World.make();
    await make(world, { steps: STEPS });
    world.builder.report(ID, state);
    await world.settle();
    assert.equal(said(world), says);
    assert.equal(status(world)?.completionTime, NOW);
    await world.builder.forget(ID);
    world.builder.report(ID, { phase: "Pending" });
    await world.settle();
    assert.equal(said(world), says);
    const events = world.list(EVENT).filter((it) => it.involvedObject.kind === "Build");
    assert.equal(events.length, 1);
  });
}

test("a Build is cancelled by its Status, whether it has begun or not", async () => {
  await using world = await World.make();
  const build = await make(world, { steps: STEPS });
  world.builder.report(ID, { phase: "Building", startedAt: NOW });
  await world.settle();
  const patch = { spec: { Status: "BuildCancelled" } };
  await world.client.patch({ kind: BUILD, key: KEY }, patch);
  await world.settle();
  assert.equal(said(world), 'False BuildCancelled: Build "b" was cancelled');
  assert.equal(conditionOf(status(world), "Cancelled")?.status, "True");
  await world.client.delete(build);
  await world.settle();
  assert.deepEqual(world.builder.ids, []);
  await make(world, { steps: STEPS, Status: "BuildCancelled" });
  assert.equal(said(world), 'False BuildCancelled: Build "b" was cancelled');
  assert.deepEqual(world.builder.ids, []);
});

test("without an engine a Build waits for one, and says how to get it", async () => {
  await using world = await World.make();
  world.builder.why = "no container engine answers: install Docker";
  await make(world, { steps: STEPS });
  const why = "The steps of a Build run as containers, and no container engine answers";
  assert.equal(said(world), `Unknown Pending: ${why}: install Docker`);
  assert.deepEqual(world.builder.ids, []);
  world.builder.why = undefined;
  world.pass(5);
  await world.settle();
  assert.deepEqual(world.builder.ids, [ID]);
});

test("timeout: a Build that finds no engine in its time has failed", async () => {
  await using world = await World.make();
  world.builder.why = "no container engine answers";
  await make(world, { steps: STEPS, timeout: "8s" });
  world.pass(9);
  await world.settle();
  assert.match(said(world), /^False BuildTimeout: Build "b" failed to finish within "8s": The/);
});

for (const { title, spec, says } of [
  {
    title: "a template that is not there",
    spec: { template: { name: "none", kind: "ClusterBuildTemplate" } },
    says: 'ClusterBuildTemplate "none" not found',
  },
  {
    title: "no value for a parameter",
    spec: { template: { name: "t" } },
    says: 'UnsatisfiedParameter: BuildTemplate "t" wants a value for "TO", which has no default',
  },
  {
    title: "an argument that makes no sense",
    spec: { template: { name: "t", arguments: [{ name: "TO", value: "Not A Name" }] } },
    says: 'with BuildTemplate "t": invalid value: Not A Name: spec.steps[0].name',
  },
  {
    title: "an account that is not there",
    spec: { steps: STEPS, serviceAccountName: "nobody" },
    says: 'ServiceAccount "nobody" not found',
  },
  {
    title: "a Secret whose annotation says nothing",
    spec: { steps: STEPS, serviceAccountName: "builder" },
    says: 'BadSecretAnnotation: the annotation build.knative.dev/git-0: "git hub" of Secret "key"',
  },
  {
    title: "a ConfigMap that is not there",
    spec: {
      steps: [{ image: "a", volumeMounts: [{ name: "v", mountPath: "/v" }] }],
      volumes: [{ name: "v", configMap: { name: "c" } }],
    },
    says: 'ConfigMap "c" not found, and the volume "v" mounts it',
  },
] as const) {
  test(`a Build with ${title} is BuildValidationFailed, and nothing runs`, async () => {
    await using world = await World.make();
    const { apiVersion } = BUILD_TEMPLATE;
    const template = {
      parameters: [{ name: "TO" }],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of a template
      steps: [{ name: "${TO}", image: "a" }],
    };
    const t = { namespace: "default", name: "t" };
    await world.client.create({ apiVersion, kind: "BuildTemplate", metadata: t, spec: template });
    await account(world, { "build.knative.dev/git-0": "git hub" });
    await make(world, spec as BuildSpec);
    const text = said(world);
    assert.ok(text.startsWith(`False BuildValidationFailed: ${says}`), text);
    assert.deepEqual(world.builder.ids, []);
  });
}

test("serviceaccount: its logins, and secrets and configmaps, come with the plan", async () => {
  await using world = await World.make();
  await account(world, {
    "build.knative.dev/docker-0": "https://index.docker.io/v1/",
    "build.knative.dev/git-0": "https://github.com",
  });
  const metadata = { namespace: "default", name: "settings" };
  const { apiVersion, kind } = CONFIG_MAP;
  await world.client.create({ apiVersion, kind, metadata, data: { LEVEL: "3" } } as never);
  const secretKeyRef = { name: "key", key: "password" };
  const configMapKeyRef = { name: "settings", key: "LEVEL" };
  const env = [
    { name: "PASSWORD", valueFrom: { secretKeyRef } },
    { name: "LEVEL", valueFrom: { configMapKeyRef } },
  ];
  await make(world, {
    serviceAccountName: "builder",
    steps: [{ image: "docker.io/me/private", env }],
    volumes: [{ name: "v", secret: { secretName: "key" } }],
  });
  const { logins, parts, volumes } = world.builder.planOf(ID) ?? {};
  const login = { username: "me", password: "secret" };
  assert.deepEqual(logins, {
    git: [{ type: "basic", url: "https://github.com", ...login }],
    docker: [{ registry: "https://index.docker.io/v1/", ...login }],
  });
  const [part] = parts ?? [];
  assert(part?.type === "step");
  assert.deepEqual(part.step.env, { PASSWORD: "secret", LEVEL: "3" });
  assert.deepEqual(part.step.credentials, login);
  const content = (text: string) => Buffer.from(text).toString("base64");
  assert.deepEqual(volumes, [
    {
      name: "v",
      files: [
        { path: "username", mode: 0o644, content: content("me") },
        { path: "password", mode: 0o644, content: content("secret") },
      ],
    },
  ]);
});

test("a Service whose image a Build makes waits for the Build, and fails with it", async () => {
  await using world = await World.make();
  const template = { annotations: { "varve.dev/build-name": "b" } };
  await world.apply(SERVICE, serviceOf("hello", { template }));
  await world.settle();
  const toldNow = () => told(world.get(REVISION, "hello-00001"));
  const absent = 'Unknown Building: Waiting for Build "b", which is not there yet';
  assert.equal(toldNow()["BuildSucceeded"], absent);
  await make(world, { steps: STEPS });
  const undone = 'Unknown Building: Waiting for Build "b", which is not done';
  assert.equal(toldNow()["BuildSucceeded"], undone);
  world.builder.report(ID, { phase: "Succeeded", completedAt: NOW });
  await world.settle();
  assert.deepEqual([toldNow()["BuildSucceeded"], toldNow()["Ready"]], ["True", "True"]);
  const again = { annotations: { "varve.dev/build-name": "c" } };
  await world.apply(SERVICE, serviceOf("hello", { template: again }));
  const { apiVersion, kind } = BUILD;
  const metadata = { namespace: "default", name: "c" };
  await world.client.create({ apiVersion, kind, metadata, spec: { steps: STEPS } } as never);
  await world.settle();
  const message = "no such target";
  const reason = "BuildStepFailed";
  world.builder.report("builds/default/c", { phase: "Failed", reason, message });
  await world.settle();
  const { Ready = "" } = told(world.get(REVISION, "hello-00002"));
  assert.match(Ready, /^False BuildFailed: Build failed: Build "c": no such target; for logs/);
  assert.equal(world.find(POD, "hello-00002-build"), undefined);
});

async function account(world: World, annotations: Readonly<Record<string, string>>) {
  const of = (name: string) => ({ namespace: "default", name });
  await world.client.create({
    ...{ apiVersion: SECRET.apiVersion, kind: SECRET.kind },
    metadata: { ...of("key"), annotations },
    type: "kubernetes.io/basic-auth",
    stringData: { username: "me", password: "secret" },
  } as never);
  await world.client.create({
    ...{ apiVersion: SERVICE_ACCOUNT.apiVersion, kind: SERVICE_ACCOUNT.kind },
    ...{ metadata: of("builder"), secrets: [{ name: "key" }] },
  } as never);
}

async function make(world: World, spec: BuildSpec): Promise<Build> {
  const { apiVersion, kind } = BUILD;
  const build = await world.client.create<Build>({ apiVersion, kind, metadata: KEY, spec });
  await world.settle();
  return build;
}

const status = (world: World) => world.get(BUILD, "b").status;

function said(world: World): string {
  const { status: is, reason, message } = conditionOf(status(world), "Succeeded") ?? {};
  return `${is} ${reason}: ${message}`;
}
