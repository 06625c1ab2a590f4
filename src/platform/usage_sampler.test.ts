import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDesk } from "../../test/world/desk.ts";
import { digestOf, ModelImages } from "../../test/world/model_images.ts";
import { ModelRuntime } from "../../test/world/model_runtime.ts";
import { NODE, type Node, THIS_NODE } from "../api/node.ts";
import { POD, type Pod } from "../api/pod.ts";
import type { Usage } from "../runtime/runtime.ts";
import { specOf } from "../runtime/test_bed.ts";
import { UsageSampler } from "./usage_sampler.ts";

/** A runtime whose instances have used what a test says. */
class BusyRuntime extends ModelRuntime {
  used: Usage = { cpuNs: 0, memoryBytes: 0 };
  override usage = async () => this.used as Usage & undefined;
}

test("what is used is an average since a look before, or since the beginning", async () => {
  const desk = await makeDesk();
  const image = digestOf("a");
  const runtime = new BusyRuntime(new ModelImages(), () => false);
  const { name } = specOf(image);
  const [namespace = "", pod = ""] = name.split("/");
  const metadata = { namespace, name: pod, labels: { a: "b" } };
  const spec = { containers: [{ name: "user-container", image: "a" }] };
  await desk.client.create<Pod>({ apiVersion: "v1", kind: POD.kind, metadata, spec });
  await desk.client.create<Node>({
    apiVersion: "v1",
    kind: NODE.kind,
    metadata: { name: THIS_NODE },
  });
  await runtime.run(specOf(image));
  await using sampler = new UsageSampler({ ...desk, runtime, home: "." });
  await sampler.start();
  const use = async (seconds: number, cpuSeconds: number) => {
    desk.clock.pass(seconds);
    runtime.used = { cpuNs: cpuSeconds * 1e9, memoryBytes: 2 ** 20 };
    const [found] = await sampler.measure();
    return found;
  };
  const first = await use(2, 1);
  assert(first?.kind === "PodMetrics" && "containers" in first);
  const { timestamp, window, containers } = first;
  assert.deepEqual(first.metadata.labels, { a: "b" });
  assert.deepEqual(
    { timestamp, window, containers },
    {
      timestamp: "2026-01-01T00:00:02Z",
      window: "2s",
      containers: [{ name: "user-container", usage: { cpu: "500000000n", memory: "1024Ki" } }],
    },
  );
  desk.clock.pass(13);
  await new Promise((resolve) => setImmediate(resolve));
  const later = await use(7, 3);
  assert(later !== undefined && "containers" in later);
  assert.deepEqual([later.window, later.containers[0]?.usage["cpu"]], ["7s", "285714286n"]);
  const [, node] = await sampler.measure();
  assert(node !== undefined && "usage" in node);
  assert.match(String(node.usage["cpu"]), /^\d+n$/);
  assert.match(String(node.usage["memory"]), /^[1-9]\d*Ki$/);
});
