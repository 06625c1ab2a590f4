/**
 * The published conformance suite of Knative Serving against a Varve of its own:
 *
 *     npm run test:conformance -- PATH [FLAGS OF THE SUITE]
 *
 * PATH is the suite as a program, as `test/kubernetes/build_conformance.sh` makes it. Its images
 * are stood in for by `conformance_images.ts`, which says why. Without a PATH it is content.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TestRegistry } from "../../src/oci/test_registry.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { ApiFront } from "./conformance_front.ts";
import { addImages } from "./conformance_images.ts";

const [path, ...flags] = process.argv.slice(2);
if (path === undefined || !existsSync(path)) {
  const why = path === undefined ? "no path to the suite was given" : `there is no ${path}`;
  process.stdout.write(`skipped: ${why}; test/kubernetes/build_conformance.sh makes one\n`);
} else process.exitCode = await run(path, flags);

async function run(path: string, flags: readonly string[]): Promise<number> {
  await using registry = new TestRegistry();
  await registry.start();
  await addImages(registry);
  await using varve = await VarveProcess.start();
  await using front = await ApiFront.start(varve);
  const kubeconfig = join(varve.home, "plain-kubeconfig");
  await writeFile(kubeconfig, kubeconfigFor(front.origin));
  const args = [
    ...["-test.v", "-test.parallel", "8", "-kubeconfig", kubeconfig],
    ...["-disable-logstream=true", "-disable-optional-api=true", "-test-namespace=default"],
    ...["-dockerrepo", registry.host, "-ingressendpoint", "127.0.0.1", ...flags],
  ];
  const { PATH } = process.env;
  const env = { PATH, HOME: varve.home, SYSTEM_NAMESPACE: "knative-serving" };
  const child = spawn(path, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of child.stdout) {
    said += String(chunk);
    process.stdout.write(chunk as Buffer);
  }
  return summed(said);
}

/** Says what passed and what did not, and answers with the exit code. */
function summed(said: string): number {
  const outcomes = [...said.matchAll(/^--- (PASS|FAIL|SKIP): (\S+) \((\S+)\)$/gm)];
  const of = (word: string) => outcomes.filter(([, it]) => it === word);
  const [passed, failed, skipped] = [of("PASS"), of("FAIL"), of("SKIP")];
  for (const [, word, name, time] of outcomes) process.stdout.write(`${word} ${name} ${time}\n`);
  const counts = [
    `${passed.length} passed`,
    `${failed.length} failed`,
    `${skipped.length} skipped`,
  ];
  process.stdout.write(`${counts.join(", ")}\n`);
  return outcomes.length > 0 && failed.length === 0 ? 0 : 1;
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
