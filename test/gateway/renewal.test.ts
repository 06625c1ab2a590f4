import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LABEL } from "../../src/api/labels.ts";
import { type Draft, pathOf } from "../../src/api/meta.ts";
import { ROUTE, type Route } from "../../src/api/route.ts";
import { SECRET, type Secret } from "../../src/api/secret.ts";
import { type KeyPair, makeCertificate } from "../../src/base/certificate.ts";
import { silentLog } from "../../src/base/log.ts";
import { silentRecorder } from "../../src/control/recorder.ts";
import { readConfig } from "../../src/platform/config.ts";
import { HostCertificates } from "../../src/platform/host_certificates.ts";
import { LocalCache } from "../../src/platform/local_cache.ts";
import { ModelGateway } from "../world/model_gateway.ts";
import { World } from "../world/world.ts";
import type { WorldClock } from "../world/world_clock.ts";

const HOST = "hello.default.example.org";

test("a Route is woken when a third of its certificate's life is left, however long", async () => {
  await using world = await World.make();
  await using stack = new AsyncDisposableStack();
  const { clock, store } = world.context;
  const directory = await mkdtemp(join(tmpdir(), "varve-renewal-"));
  stack.defer(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, "hosts"));
  const nowMs = clock.now();
  const authority = await makeCertificate({ name: "test", nowMs, days: 900 });
  const { apiVersion, kind } = ROUTE;
  const metadata = { name: "hello", namespace: "default" };
  const spec = { traffic: [{ configurationName: "hello", percent: 100 }] };
  await world.client.create<Route>({ apiVersion, kind, metadata, spec });
  // From a day ago until eight days from now: it is old in five.
  const short = { name: "short", hosts: [HOST], issuer: authority, nowMs, days: 8 };
  await world.client.create(secretOf(await makeCertificate(short)));
  const certificates = stack.use(
    new HostCertificates({
      ...{ config: readConfig([], {}), directory, authority, clock },
      ...{ recorder: silentRecorder, log: silentLog, cache: stack.use(new LocalCache(store)) },
      gateway: Object.assign(new ModelGateway(clock), { tlsAddress: undefined }),
    }),
  );
  await certificates.start();
  const woken: string[] = [];
  certificates.source((key) => woken.push(pathOf(key)));
  await pass(clock, 5 * 24 - 6);
  assert.deepEqual([certificates.isFresh(HOST, "default"), woken], [true, []]);
  await pass(clock, 12);
  assert.equal(certificates.isFresh(HOST, "default"), false);
  assert.deepEqual(new Set(woken), new Set(["default/hello"]));
});

/** In steps, so that whoever comes again and again gets to do so. */
async function pass(clock: WorldClock, hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour += 6) {
    clock.pass(6 * 3_600);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function secretOf({ cert, key }: KeyPair): Draft<Secret> {
  const { apiVersion, kind } = SECRET;
  const labels = { [LABEL.certificate]: "true" };
  const metadata = { name: "short", namespace: "default", labels };
  const stringData = { "tls.crt": cert, "tls.key": key };
  return { apiVersion, kind, metadata, type: "kubernetes.io/tls", stringData };
}
