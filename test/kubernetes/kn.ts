import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TestRegistry } from "../../src/oci/test_registry.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { addImages } from "./conformance_images.ts";

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
  await addImages(registry);
  varve = await VarveProcess.start();
});
after(async () => {
  if (!FOUND) return;
  await varve[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

function kn(line: string, ...more: readonly string[]) {
  const env = {
    PATH: process.env["PATH"],
    HOME: varve.home,
    KUBECONFIG: `${varve.home}/kubeconfig`,
  };
  const args = [...line.split(" "), ...more];
  return spawnSync(KN, args, { env, encoding: "utf8", timeout: WITHIN_MS });
}

function says(line: string, ...more: readonly string[]): string {
  const { status, stdout, stderr } = kn(line, ...more);
  assert.equal(status, 0, `kn ${line}: ${stdout}${stderr}`);
  return stdout;
}

describe("kn", { skip: SKIP }, () => {
  test("creates a service, waits for it, and lists and describes it", () => {
    const image = `${registry.host}/pizzaplanetv1`;
    const out = says(`service create pizza --image ${image} --env A=1`, "--label", "team=a");
    assert.match(
      out,
      /Service 'pizza' created to latest revision 'pizza-00001' is available at URL/,
    );
    assert.match(
      says("service list"),
      /^pizza +http:\/\/pizza.default.localhost:\d+ +pizza-00001 /m,
    );
    const described = says("service describe pizza");
    assert.match(described, /Revisions:\s+100% +@latest \(pizza-00001\) \[1\]/);
    assert.match(described, /OK Ready/);
    const again = kn(`service create pizza --image ${image}`);
    assert.equal(again.status, 1);
    assert.match(again.stderr, /already exists/);
  });

  test("updates it, splits its traffic by tags, and lists its revisions and routes", () => {
    says(`service update pizza --image ${registry.host}/pizzaplanetv2`);
    const split = "--traffic pizza-00001=60 --traffic @latest=40 --tag pizza-00001=old";
    says(`service update pizza ${split}`);
    const list = says("revision list -s pizza");
    assert.match(list, /^pizza-00002 +pizza +40% .* True/m);
    assert.match(list, /^pizza-00001 +pizza +60% +old .* True/m);
    assert.match(says("revision describe pizza-00001"), /Service: +pizza/);
    assert.match(says("route list"), /^pizza +http:\/\/pizza.default.localhost:\d+ +True/m);
    assert.match(says("route describe pizza"), /60% +pizza-00001/);
    says("service update pizza --untag old --traffic @latest=100");
    const clean = says("revision list -s pizza");
    assert.match(clean, /^pizza-00002 +pizza +100%/m);
  });

  test("applies, exports, and applies what it has exported", async () => {
    const image = `${registry.host}/helloworld`;
    says(`service apply noodles --image ${image} --env B=1`);
    assert.match(says(`service apply noodles --image ${image} --env B=1`), /unchanged|No changes/i);
    says(`service apply noodles --image ${image} --env B=2`);
    const exported = says("service export noodles -o yaml");
    assert.match(exported, /kind: Service[\s\S]*name: noodles/);
    const file = join(varve.home, "noodles.yaml");
    await writeFile(file, exported);
    assert.match(await readFile(file, "utf8"), /value: "2"/);
    says("service delete noodles --wait");
    says(`service create -f ${file}`);
    assert.match(says("service list noodles"), /True/);
  });

  test("deletes a revision and services, and waits until they are gone", () => {
    says("revision delete pizza-00001 --wait");
    assert.equal(says("revision list -s pizza").includes("pizza-00001"), false);
    const gone = says("service delete pizza noodles --wait");
    assert.match(gone, /Service 'pizza' successfully deleted/);
    assert.match(says("service list"), /No services found/);
    const none = kn("service describe pizza");
    assert.equal(none.status, 1);
    assert.match(none.stderr, /services.serving.knative.dev "pizza" not found/);
  });
});
