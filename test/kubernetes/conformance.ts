/**
 * The published conformance suite of Knative Serving against a Varve of its own:
 *
 *     npm run test:conformance -- PATH [FLAGS OF THE SUITE]
 *
 * PATH is the suite, or its half on runtimes, as a program; `test/kubernetes/build_conformance.sh`
 * makes both. Where an engine for containers starts, its own images run, which that script makes as
 * well; elsewhere `conformance_images.ts` stands in for them. Without a PATH it is content.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TestRegistry } from "../../src/oci/test_registry.ts";
import { OwnEngine, whyNoEngine } from "../containers/engine.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { ApiFront } from "./conformance_front.ts";
import { addPublished, addStandIns, publishedImagesOf } from "./conformance_images.ts";

/** What fails, and why we leave it. Another failure, also in the same test, is one of ours. */
const KNOWN: Readonly<Record<string, string>> = {
  TestLivenessWithFail: "optional; it finds Pods by the name of a Deployment, which we do not have",
};

const [path, ...more] = process.argv.slice(2);
if (path === undefined || !existsSync(path)) {
  const why = path === undefined ? "no path to the suite was given" : `there is no ${path}`;
  process.stdout.write(`skipped: ${why}; test/kubernetes/build_conformance.sh makes one\n`);
} else process.exitCode = await run(path, more);

async function run(suite: string, more: readonly string[]): Promise<number> {
  await using registry = new TestRegistry();
  await registry.start();
  await using stack = new AsyncDisposableStack();
  const images = publishedImagesOf(suite);
  const why = images === undefined ? "its images are not beside it" : whyNoEngine();
  const containers: string[] = [];
  if (images === undefined || why !== undefined) {
    process.stdout.write(`its images are stood in for: ${why}\n`);
    await addStandIns(registry);
  } else {
    const engine = stack.use(await OwnEngine.start());
    containers.push("--containers", `unix://${engine.socket}`);
    await addPublished(registry, images);
  }
  // The suite has an answer go on for 5 s after its timeoutSeconds; by itself Varve cuts it there.
  const flags = ["--gateway-limits", "lateMs=10000", ...containers];
  await using varve = await VarveProcess.start({ flags });
  await using front = await ApiFront.start(varve);
  const kubeconfig = join(varve.home, "plain-kubeconfig");
  await writeFile(kubeconfig, kubeconfigFor(front.origin));
  const args = [
    ...["-test.v", "-test.parallel", "8", "-kubeconfig", kubeconfig],
    ...["-disable-logstream=true", "-disable-optional-api=true", "-test-namespace=default"],
    ...["-dockerrepo", registry.host, "-ingressendpoint", "127.0.0.1", ...more],
  ];
  const { PATH } = process.env;
  const env = { PATH, HOME: varve.home, SYSTEM_NAMESPACE: "knative-serving" };
  const child = spawn(suite, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of child.stdout) {
    said += String(chunk);
    process.stdout.write(chunk as Buffer);
  }
  return summed(said);
}

/** Says what passed and what did not, and answers with the exit code. */
function summed(said: string): number {
  const lines = [...said.matchAll(/^ *--- (PASS|FAIL|SKIP): (\S+) \((\S+)\)$/gm)];
  const outcomes = lines.map(([, word = "", name = "", time = ""]) => ({ word, name, time }));
  const failed = outcomes.filter(({ word }) => word === "FAIL").map(({ name }) => name);
  const isWhole = (name: string) => !failed.some((it) => it.startsWith(`${name}/`));
  const unknown = failed.filter((name) => isWhole(name) && KNOWN[name] === undefined);
  for (const { word, name, time } of outcomes) {
    const why = word === "FAIL" && KNOWN[name] !== undefined ? `: ${KNOWN[name]}` : "";
    process.stdout.write(`${word} ${name} ${time}${why}\n`);
  }
  const tests = outcomes.filter(({ name }) => !name.includes("/"));
  const of = (word: string) => tests.filter((it) => it.word === word).length;
  const counts = `${of("PASS")} passed, ${of("FAIL")} failed, ${of("SKIP")} skipped`;
  process.stdout.write(`${counts}; ${unknown.length} of the failures are not known\n`);
  return outcomes.length > 0 && unknown.length === 0 ? 0 : 1;
}

function kubeconfigFor(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "varve", cluster: { server } }],
    users: [{ name: "nobody", user: {} }],
    contexts: [{ name: "varve", context: { cluster: "varve", user: "nobody" } }],
    "current-context": "varve",
  });
}
