import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { TestRegistry } from "../../src/oci/test_registry.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { addStandIns } from "./conformance_images.ts";

const KN = process.env["VARVE_TEST_KN"] ?? "kn";
const FOUND = spawnSync(KN, ["version"], { encoding: "utf8" }).status === 0;
const SKIP = FOUND ? false : `there is no "${KN}": put kn on the PATH, or name it in VARVE_TEST_KN`;

/** What each command may take, its waiting included: kn's own limit is ten minutes. */
const WITHIN_MS = 60_000;

let varve: VarveProcess;
const registry = new TestRegistry();
before(async () => {
  if (!FOUND) return;
  await registry.start();
  await addStandIns(registry);
  varve = await VarveProcess.start();
});
after(async () => {
  if (!FOUND) return;
  await varve[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

/** Not in one step: the registry is in this process, and has to answer meanwhile. */
async function kn(line: string, ...more: readonly string[]) {
  const { PATH } = process.env;
  const env = { PATH, HOME: varve.home, KUBECONFIG: `${varve.home}/kubeconfig` };
  const args = [...line.split(" "), ...more];
  const child = spawn(KN, args, { env, timeout: WITHIN_MS, stdio: ["ignore", "pipe", "pipe"] });
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await exit, stdout, stderr };
}

async function says(line: string, ...more: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await kn(line, ...more);
  assert.equal(status, 0, `kn ${line}: ${stdout}${stderr}`);
  return stdout;
}

describe("kn", { skip: SKIP }, () => {
  test("creates a service, waits for it, and lists and describes it", async () => {
    const image = `${registry.host}/pizzaplanetv1`;
    const out = await says(`service create pizza --image ${image} --env A=1`, "--label", "team=a");
    assert.match(
      out,
      /Service 'pizza' created to latest revision 'pizza-00001' is available at URL/,
    );
    assert.match(
      await says("service list"),
      /^pizza +http:\/\/pizza.default.localhost:\d+ +pizza-00001 /m,
    );
    const described = await says("service describe pizza");
    assert.match(described, /Revisions:\s+100% +@latest \(pizza-00001\) \[1\]/);
    assert.match(described, /\+\+ Ready/);
    const again = await kn(`service create pizza --image ${image}`);
    assert.equal(again.status, 1);
    assert.match(again.stderr, /already exists/);
  });

  test("updates it, splits its traffic by tags, and lists its revisions and routes", async () => {
    await says(`service update pizza --image ${registry.host}/pizzaplanetv2`);
    const split = "--traffic pizza-00001=60 --traffic @latest=40 --tag pizza-00001=old";
    await says(`service update pizza ${split}`);
    const list = await says("revision list -s pizza");
    assert.match(list, /^pizza-00002 +pizza +40% .* True/m);
    assert.match(list, /^pizza-00001 +pizza +60% +old .* True/m);
    assert.match(await says("revision describe pizza-00001"), /Service: +pizza/);
    assert.match(await says("route list"), /^pizza +http:\/\/pizza.default.localhost:\d+ +True/m);
    assert.match(await says("route describe pizza"), /60% +pizza-00001/);
    await says("service update pizza --untag old --traffic @latest=100");
    const clean = await says("revision list -s pizza");
    assert.match(clean, /^pizza-00002 +pizza +100%/m);
  });

  test("applies, exports, and applies what it has exported", async () => {
    const image = `${registry.host}/helloworld`;
    await says(`service apply noodles --image ${image} --env B=1`);
    assert.match(
      await says(`service apply noodles --image ${image} --env B=1`),
      /unchanged|No changes/i,
    );
    await says(`service apply noodles --image ${image} --env B=2`);
    const exported = await says("service export noodles --mode replay -o yaml");
    assert.match(exported, /kind: Service[\s\S]*name: noodles/);
    const file = join(varve.home, "noodles.yaml");
    await writeFile(file, exported);
    assert.match(await readFile(file, "utf8"), /value: "2"/);
    await says("service delete noodles --wait");
    await says(`service create -f ${file}`);
    assert.match(await says("service list noodles"), /True/);
  });

  test("deletes a revision and services, and waits until they are gone", async () => {
    await says("revision delete pizza-00001 --wait");
    assert.equal((await says("revision list -s pizza")).includes("pizza-00001"), false);
    const gone = await says("service delete pizza noodles --wait");
    assert.match(gone, /Service 'pizza' successfully deleted/);
    assert.match(await says("service list"), /No services found/);
    const none = await kn("service describe pizza");
    assert.equal(none.status, 1);
    assert.match(none.stderr, /services.serving.knative.dev "pizza" not found/);
  });
});
