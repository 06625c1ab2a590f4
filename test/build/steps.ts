/** The list of Knative Build's own tests, of steps (spec/elafros §9), with a real engine. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BUILD } from "../../src/api/build.ts";
import { conditionOf } from "../../src/api/condition.ts";
import { CONFIG_MAP } from "../../src/api/config_map.ts";
import { SECRET } from "../../src/api/secret.ts";
import { SERVICE_ACCOUNT } from "../../src/api/service_account.ts";
import { untilSo } from "../../src/runtime/test_bed.ts";
import { whyNoEngine } from "../containers/engine.ts";
import { whyNoKubectl } from "../kubernetes/kubectl.ts";
import { BuildBench } from "./bench.ts";

const why = whyNoEngine() ?? (whyNoKubectl() || undefined);
const options = { skip: why ?? false };
const namespace = "default";
let bench: BuildBench;

before(async () => {
  if (why === undefined) bench = await BuildBench.start();
});
after(async () => {
  await bench?.[Symbol.asyncDispose]();
});

test("multiple steps: they run in order, over the same files", options, async () => {
  const build = await bench.succeeds("steps", {
    steps: [
      bench.step('fs.writeFileSync("a", "1"); console.log("first")', { name: "one" }),
      bench.step('want(read("/workspace/a"), "1"); console.log("second")'),
    ],
  });
  assert.deepEqual(build.status?.stepsCompleted, ["build-step-one", "build-step-unnamed-1"]);
  assert.equal(await bench.log("steps", "build-step-one").then(lastLine), "first");
  assert.match(await bench.log("steps"), /first\n.*second\n/s);
  const table = await bench.kubectl.says("get builds steps");
  assert.match(table, /^NAME +SUCCEEDED +REASON +STARTTIME +COMPLETIONTIME\nsteps +True +/);
});

test("step status: what a step does is told while it does it", options, async () => {
  await bench.make("status", {
    steps: [
      bench.step("", { name: "quick" }),
      bench.step("setInterval(() => fs.existsSync('go') && exit(0), 20)", { name: "slow" }),
    ],
  });
  const stepsOf = async () => (await bench.get("status")).status?.stepStates ?? [];
  await untilSo("the second runs", async () => (await stepsOf())[1]?.running !== undefined);
  const [first] = await stepsOf();
  assert.equal(first?.terminated?.exitCode, 0);
  const { status } = await bench.get("status");
  assert.match(conditionOf(status, "Succeeded")?.message ?? "", /build-step-slow/);
  assert.match(await bench.kubectl.says("get pod status-pod"), /Init:2\/3/);
  await cancel("status");
  const { said, build } = await bench.ended("status");
  assert.equal(said, 'False BuildCancelled Build "status" was cancelled');
  assert.equal(conditionOf(build.status, "Cancelled")?.status, "True");
  assert.equal(bench.engine.docker("ps", "-aq"), "");
});

test("fail: a step that fails ends the Build, with its code and last words", options, async () => {
  const { said, build } = await bench.run("fail", {
    steps: [
      bench.step('console.error("no such target"); exit(3)', { name: "bad" }),
      bench.step('console.log("never")', { name: "never" }),
    ],
  });
  const how = "for logs run: kubectl -n default logs fail-pod -c build-step-bad";
  const words = 'Step "build-step-bad" failed with exit code 3: no such target';
  assert.equal(said, `False BuildExecuteFailed ${words}; ${how}`);
  assert.deepEqual(build.status?.stepsCompleted, ["build-step-bad"]);
  assert.equal(build.status?.stepStates?.[0]?.terminated?.exitCode, 3);
  assert.doesNotMatch(await bench.log("fail"), /never/);
});

test(
  "last words: what a step leaves to say how it ended is told, of any end",
  options,
  async () => {
    const leaves = (path: string, then: string) =>
      `fs.writeFileSync("${path}", "3 left\\n"); ${then}`;
    const { said, build } = await bench.run("words", {
      steps: [
        bench.step(leaves("/dev/termination-log", ""), { name: "fine" }),
        bench.step('want(read("/dev/termination-log"), "")', { name: "silent" }),
        bench.step(leaves("/run/why", 'console.log("noise"); exit(3)'), {
          name: "bad",
          terminationMessagePath: "/run/why",
        }),
      ],
    });
    assert.match(said, /Step "build-step-bad" failed with exit code 3: 3 left; for logs run/);
    const states = build.status?.stepStates ?? [];
    const ends = states.map(({ terminated: end }) => [end?.reason, end?.message]);
    assert.deepEqual(ends, [
      ["Completed", "3 left\n"],
      ["Completed", undefined],
      ["Error", "3 left"],
    ]);
  },
);

test("panic: a step that crashes ends the Build", options, async () => {
  const { said } = await bench.run("panic", { steps: [bench.step("process.abort()")] });
  assert.match(said, /^False BuildExecuteFailed Step "build-step-unnamed-0" failed with exit/);
});

test("timeout low: a Build that takes too long is ended", options, async () => {
  const steps = [bench.step("setInterval(() => {}, 1000)")];
  const { said, build } = await bench.run("low", { steps, timeout: "3s" });
  assert.equal(said, 'False BuildTimeout Build "low" failed to finish within "3s"');
  assert.ok(build.status?.completionTime);
  assert.equal(bench.engine.docker("ps", "-aq"), "");
});

test("timeout high: a Build may have 23 hours, and need not take them", options, async () => {
  await bench.succeeds("high", { steps: [bench.step("")], timeout: "23h" });
});

test("home: it is /builder/home, and steps share it", options, async () => {
  await bench.succeeds("home", {
    steps: [
      bench.step('want(env.HOME, "/builder/home"); fs.writeFileSync(env.HOME + "/a", "1")'),
      bench.step('want(read("/builder/home/a"), "1"); want(cwd(), "/workspace")'),
    ],
  });
});

test("custom env: a step has the variables it says, its own home too", options, async () => {
  const env = [
    { name: "A", value: "1" },
    { name: "B", value: "$(A)2" },
    { name: "HOME", value: "/tmp" },
  ];
  await bench.succeeds("env", {
    steps: [bench.step('want([env.A, env.B, env.HOME].join(), "1,12,/tmp")', { env })],
  });
});

test("custom volume: what is mounted at our places counts more", options, async () => {
  const volumeMounts = [
    { name: "own", mountPath: "/workspace" },
    { name: "own", mountPath: "/builder/home", subPath: "home" },
  ];
  await bench.succeeds("volume", {
    volumes: [{ name: "own", emptyDir: {} }],
    steps: [
      bench.step('fs.writeFileSync("/workspace/a", "1")'),
      bench.step('want(fs.existsSync("/workspace/a"), false); fs.writeFileSync("b", "2")', {
        volumeMounts,
      }),
      bench.step('want(read("/v/b"), "2"); want(fs.existsSync("/v/home"), true)', {
        volumeMounts: [{ name: "own", mountPath: "/v" }],
      }),
      bench.step('want(fs.readdirSync(".").join(), "a")'),
    ],
  });
});

test("configmap and secret: as variables and as files", options, async () => {
  const meta = (name: string) => ({ metadata: { namespace, name } });
  const { apiVersion } = CONFIG_MAP;
  await bench.create({ apiVersion, kind: "ConfigMap", ...meta("c"), data: { k: "map" } });
  const stringData = { k: "sesame" };
  await bench.create({ apiVersion, kind: SECRET.kind, ...meta("s"), stringData });
  await bench.succeeds("referring", {
    volumes: [
      { name: "c", configMap: { name: "c" } },
      { name: "s", secret: { secretName: "s", items: [{ key: "k", path: "in/k" }] } },
    ],
    steps: [
      bench.step(
        'want([env.C, env.S, read("/c/k"), read("/s/in/k")].join(), "map,sesame,map,sesame")',
        {
          env: [
            { name: "C", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } },
            { name: "S", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
          ],
          volumeMounts: [
            { name: "c", mountPath: "/c" },
            { name: "s", mountPath: "/s" },
          ],
        },
      ),
    ],
  });
});

test("docker-basic and serviceaccount: logins are in the home of steps", options, async () => {
  const { apiVersion } = SECRET;
  const annotations = {
    "build.knative.dev/docker-0": "https://index.docker.io/v1/",
    "build.knative.dev/git-0": "https://github.com",
  };
  await bench.create({
    ...{ apiVersion, kind: SECRET.kind, type: "kubernetes.io/basic-auth" },
    metadata: { namespace, name: "login", annotations },
    stringData: { username: "me", password: "pass word" },
  });
  await bench.create({
    ...{ apiVersion, kind: SERVICE_ACCOUNT.kind, secrets: [{ name: "login" }] },
    metadata: { namespace, name: "builder" },
  });
  await bench.succeeds("logins", {
    serviceAccountName: "builder",
    steps: [
      bench.step(`
        const { auths } = JSON.parse(read("/builder/home/.docker/config.json"));
        want(atob(auths["https://index.docker.io/v1/"].auth), "me:pass word");
        want(read(env.HOME + "/.git-credentials"), "https://me:pass%20word@github.com");
        console.log("said by mistake: pass word");
      `),
    ],
  });
  assert.match(await bench.log("logins"), /said by mistake: \*\*\*/);
});

test("template: a Build of one runs its steps with the arguments", options, async () => {
  const { apiVersion } = BUILD;
  await bench.create({
    ...{ apiVersion, kind: "ClusterBuildTemplate", metadata: { name: "greet" } },
    spec: {
      parameters: [{ name: "WHOM", default: "nobody" }],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of a template
      steps: [bench.step('want(env.WHOM, "${WHOM}"); want(env.WHOM, "world")')],
    },
  });
  await bench.succeeds("greeting", {
    template: {
      ...{ name: "greet", kind: "ClusterBuildTemplate" },
      arguments: [{ name: "WHOM", value: "world" }],
      env: [{ name: "WHOM", value: "world" }],
    },
  });
});

test("limits: a step that takes more memory than it may says so", options, async () => {
  const code = "const all = []; for (;;) all.push(Buffer.alloc(8e6, 1))";
  const { said } = await bench.run("greedy", {
    steps: [bench.step(code, { resources: { limits: { memory: "96Mi" } } })],
  });
  assert.match(said, /was ended for want of memory: give it more/);
});

test("an image that is not there is named", options, async () => {
  const image = `${bench.registry.host}/none:1`;
  const { said } = await bench.run("absent", { steps: [{ image }] });
  assert.match(
    said,
    /BuildExecuteFailed Step "build-step-unnamed-0" failed: Unable to fetch image/,
  );
});

test("a server that begins anew begins the Build anew", options, async () => {
  const code = "setInterval(() => fs.existsSync('/tmp/go') && exit(0), 20)";
  await bench.make("again", { steps: [bench.step(code)] });
  const isRunning = async () => bench.engine.docker("ps", "-q") !== "";
  await untilSo("it runs", isRunning);
  const first = bench.engine.docker("ps", "-q");
  await bench.varve.kill();
  await bench.varve.start();
  await untilSo("it runs again", async () => {
    const now = bench.engine.docker("ps", "-q");
    return now !== "" && now !== first;
  });
  assert.equal(bench.engine.docker("ps", "-aq").split("\n").filter(Boolean).length, 1);
  await cancel("again");
  await bench.ended("again");
});

async function cancel(name: string): Promise<void> {
  const key = { namespace, name };
  await bench.varve.client.patch({ kind: BUILD, key }, { spec: { Status: "BuildCancelled" } });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
