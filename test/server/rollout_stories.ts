import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packDirectory } from "../../src/base/pack.ts";
import type { Kubectl, Story } from "./kubectl.ts";

const SERVER =
  'require("node:http").createServer((_, res) => res.end("x")).listen(process.env.PORT)';

export const ROLLOUT_STORIES: readonly Story[] = [
  {
    title: "a plain manifest is rolled out by steps, and applied again takes no abort back",
    async act(kubectl) {
      const source = await archive(kubectl);
      await kubectl.done("apply -f -", { input: manifest(source, "one") });
      await kubectl.done("wait ksvc/shop --for=condition=Ready --timeout=60s");
      const next = { input: manifest(source, "two") };
      await kubectl.done("apply -f -", next);
      await isSplit(kubectl, "shop-00001=80 shop-00002=20 ");
      await kubectl.done("annotate rev shop-00002 varve.dev/rollout-instead=shop-00001");
      await isSplit(kubectl, "shop-00001=100 ");
      assert.match(await kubectl.done("apply -f -", next), /ksvc|service.* (unchanged|configured)/);
      await sleep(500);
      await isSplit(kubectl, "shop-00001=100 ");
      const healthy = '-o jsonpath={.status.conditions[?(@.type=="RolloutHealthy")].reason}';
      assert.equal(await kubectl.done(`get route shop ${healthy}`), "SentBackByHand");
      const bad = { input: manifest(source, "two").replace("20%:manual", "20%:soon") };
      assert.match(await kubectl.refused("apply -f -", bad), /a duration or is "manual"/);
    },
  },
];

async function isSplit(kubectl: Kubectl, wanted: string): Promise<void> {
  const shares = "{range .status.traffic[*]}{.revisionName}={.percent} {end}";
  for (let tries = 0; ; tries += 1) {
    const split = await kubectl.done("get ksvc shop -o", `jsonpath=${shares}`);
    if (split === wanted) return;
    assert(tries < 100, `requests go to ${split}`);
    await sleep(100);
  }
}

async function archive({ directory }: Kubectl): Promise<string> {
  const source = join(directory, "shop");
  await mkdir(source);
  await writeFile(join(source, "server.js"), SERVER);
  await writeFile(join(source, "package.json"), '{"scripts":{"start":"node server.js"}}');
  const path = join(directory, "shop.tar");
  await writeFile(path, Buffer.concat(await Array.fromAsync(packDirectory(source))));
  return `archive+file://${path}`;
}

function manifest(source: string, x: string): string {
  return `
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: shop
  annotations:
    varve.dev/rollout-steps: "20%:manual"
    varve.dev/rollout-gate: none
spec:
  template:
    metadata:
      annotations: { varve.dev/source: "${source}" }
    spec:
      containers: [{ env: [{ name: X, value: ${x} }] }]
`;
}
