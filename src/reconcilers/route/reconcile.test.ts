import assert from "node:assert/strict";
import { test } from "node:test";
import { exited } from "../../../test/world/model_runtime.ts";
import {
  configurationOf,
  routeOf,
  serviceOf,
  since,
  told,
  type Wish,
} from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { ok } from "../../api/condition.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";

const MAIN = "site.default.localhost";
const HANGS = { phase: "starting", message: "nothing listens yet" } as const;
const TLS = { reason: "TLSNotEnabled", message: "TLS is not set up for this domain." };

for (const [first, second] of [
  ["Route", "Configuration"],
  ["Configuration", "Route"],
]) {
  test(`NE-2: ${first} and ${second} may come in this order`, async () => {
    await using world = await World.make();
    const make = async (kind?: string) => {
      if (kind === "Route") await world.client.create(routeOf("site"));
      else await world.client.create(configurationOf("site"));
      await world.settle();
    };
    await make(first);
    if (first === "Route") {
      const missing = 'Configuration "site" referenced in traffic not found.';
      assert.equal(ready(world), `False ConfigurationMissing: ${missing}`);
    }
    await make(second);
    assert.deepEqual(world.get(ROUTE, "site").status, {
      observedGeneration: 1,
      conditions: since(
        ok("AllTrafficAssigned"),
        { ...ok("CertificateProvisioned"), ...TLS },
        ok("IngressReady"),
        ok("Ready"),
      ),
      url: "http://site.default.localhost:8080",
      address: { url: "http://site.default.svc.cluster.local:8080" },
      traffic: [{ revisionName: "site-00001", latestRevision: true, percent: 100 }],
    });
  });
}

test("NE-3: a Route is pinned while its Configuration goes on, and moved by hand", async () => {
  await using world = await routed();
  await setTraffic(world, [{ revisionName: "site-00001", percent: 100 }]);
  await configure(world, { image: "example.com/site:2" });
  assert.equal(told(world.get(REVISION, "site-00002"))["Ready"], "True");
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/site-00001": 100 });
  await setTraffic(world, [
    { revisionName: "site-00001", tag: "current", percent: 100 },
    { revisionName: "site-00002", tag: "next", percent: 0 },
  ]);
  assert.deepEqual(world.gateway.splitOf(`next-${MAIN}`), { "default/site-00002": 100 });
  await setTraffic(world, [
    { revisionName: "site-00002", tag: "current", percent: 100 },
    { revisionName: "site-00002", tag: "next", percent: 0 },
  ]);
  for (const host of [MAIN, `current-${MAIN}`, `next-${MAIN}`]) {
    assert.deepEqual(world.gateway.splitOf(host), { "default/site-00002": 100 });
  }
  assert.equal(ready(world), "True");
});

test("S-6: a Route draws on several Configurations, and each moves on by itself", async () => {
  await using world = await routed();
  await world.client.create(configurationOf("trial"));
  await setTraffic(world, [
    { configurationName: "site", percent: 90 },
    { configurationName: "trial", percent: 10 },
  ]);
  await world.apply(CONFIGURATION, configurationOf("trial", { image: "example.com/trial:2" }));
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(MAIN), {
    "default/site-00001": 90,
    "default/trial-00002": 10,
  });
});

test("§4.8: the status lists the targets of the spec, exactly and in order", async () => {
  await using world = await routed();
  await setTraffic(world, [
    { revisionName: "site-00001", tag: "blue", percent: 40 },
    { configurationName: "site", percent: 60 },
    { configurationName: "site", tag: "green" },
  ]);
  const url = (tag: string) => `http://${tag}-${MAIN}:8080`;
  const [blue, green] = [url("blue"), url("green")];
  const revisionName = "site-00001";
  assert.deepEqual(world.get(ROUTE, "site").status?.traffic, [
    { revisionName, latestRevision: false, percent: 40, tag: "blue", url: blue },
    { revisionName, latestRevision: true, percent: 60 },
    { revisionName, latestRevision: true, percent: 0, tag: "green", url: green },
  ]);
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/site-00001": 100 });
});

test("ERR-3, §4.8: a target not found moves nothing, and the others keep serving", async () => {
  await using world = await routed();
  await setTraffic(world, [
    { revisionName: "site-00001", tag: "blue", percent: 50 },
    { revisionName: "site-qyzz", percent: 50 },
  ]);
  const missing =
    'False RevisionMissing: Revision "site-qyzz" referenced in traffic not found. ' +
    "spec.traffic names it for 50 %: name another, or take it out.";
  assert.deepEqual(told(world.get(ROUTE, "site")), {
    AllTrafficAssigned: missing,
    CertificateProvisioned: `True TLSNotEnabled: ${TLS.message}`,
    IngressReady: "True",
    Ready: missing,
  });
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/site-00001": 100 });
  assert.deepEqual(world.gateway.splitOf(`blue-${MAIN}`), {});
  assert.equal(world.get(ROUTE, "site").status?.traffic?.length, 1);
});

test("ERR-3: a Route whose one Revision was deleted says so, also after a restart", async () => {
  await using world = await routed();
  await setTraffic(world, [{ revisionName: "site-00001", percent: 100 }]);
  await world.client.delete(world.get(REVISION, "site-00001"));
  await world.settle();
  const missing =
    'False RevisionMissing: Revision "site-00001" referenced in traffic not found. ' +
    "spec.traffic names it for 100 %: name another, or take it out.";
  assert.equal(ready(world), missing);
  await using again = await world.again({ isGatewayNew: true });
  await again.settle();
  assert.equal(ready(again), missing);
  const { IngressReady = "" } = told(again.get(ROUTE, "site"));
  assert.match(IngressReady, /^Unknown Uninitialized: .*backend "default\/site-00001"/);
});

test("ERR-3: who names a Revision that is gone is told for what, and the way out", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("shop"));
  await world.settle();
  const latest = { latestRevision: true, percent: 90 };
  const old = { revisionName: "shop-00001", tag: "old" };
  const traffic = [latest, { revisionName: "shop-00001", percent: 10 }, old];
  await world.apply(SERVICE, serviceOf("shop", { image: "e.com/shop:2", traffic }));
  await world.settle();
  await world.client.delete(world.get(REVISION, "shop-00001"));
  await world.settle();
  assert.equal(
    told(world.get(SERVICE, "shop"))["Ready"],
    'False RevisionMissing: Revision "shop-00001" referenced in traffic not found. ' +
      'spec.traffic names it for tag "old" and 10 %: name another, or take it out ' +
      "(varve traffic shop REVISION=100 --untag old -n default).",
  );
});

test("ERR-3: a Revision that is on its way out is none any more", async () => {
  await using world = await routed();
  await setTraffic(world, [{ revisionName: "site-00001", percent: 100 }]);
  const request = world.gateway.begin(world.runtime.list()[0]?.spec.name ?? "");
  await world.client.delete(world.get(REVISION, "site-00001"));
  await world.settle();
  const missing =
    'False RevisionMissing: Revision "site-00001" referenced in traffic not found. ' +
    "spec.traffic names it for 100 %: name another, or take it out.";
  assert.equal(ready(world), missing);
  request[Symbol.dispose]();
});

test("ERR-4: a Configuration that is not found leaves nothing to route to", async () => {
  await using world = await World.make();
  const traffic = [{ configurationName: "abc", percent: 100 }];
  await world.client.create(routeOf("site", { traffic }));
  await world.settle();
  const missing = 'Configuration "abc" referenced in traffic not found.';
  const { AllTrafficAssigned, IngressReady, Ready } = told(world.get(ROUTE, "site"));
  assert.equal(AllTrafficAssigned, `False ConfigurationMissing: ${missing}`);
  assert.equal(Ready, AllTrafficAssigned);
  const waiting = "Ingress has not yet been reconciled.";
  assert.equal(IngressReady, `Unknown IngressNotConfigured: ${waiting}`);
  assert.equal(world.get(ROUTE, "site").status?.traffic, undefined);
});

test("§4.5: what is not ready yet is waited for, and what failed is not", async () => {
  await using world = await routed();
  world.runtime.behave("default/site-00002", HANGS);
  await configure(world, { image: "example.com/site:2" });
  await setTraffic(world, [{ revisionName: "site-00002", percent: 100 }]);
  assert.equal(ready(world), 'Unknown RevisionMissing: Revision "site-00002" is not yet ready.');
  const lastExit = exited(1, "no");
  world.runtime.behave("default/site-00002", { phase: "waiting", lastExit });
  await world.settle();
  const failed = 'False RevisionMissing: Revision "site-00002" failed to become ready.';
  assert.equal(ready(world), failed);
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/site-00001": 100 });
});

test("ERR-9: a shift that the gateway does not follow fails in time, and heals", async () => {
  await using world = await routed();
  await configure(world, { image: "example.com/site:2" });
  await setTraffic(world, split(75));
  world.gateway.isDown = true;
  await setTraffic(world, split(50));
  const why = "worker 1 has not confirmed in time";
  assert.equal(ready(world), `Unknown Uninitialized: ${why}`);
  const shares = () => world.get(ROUTE, "site").status?.traffic?.map(({ percent }) => percent);
  world.pass(119);
  await world.settle();
  assert.deepEqual([ready(world), shares()], [`Unknown Uninitialized: ${why}`, [75, 25]]);
  world.pass(1);
  await world.settle();
  const late = `Unable to update traffic split for more than 120 seconds: ${why}`;
  const failed = `False ProgressDeadlineExceeded: ${late}`;
  assert.deepEqual([ready(world), shares()], [failed, [75, 25]]);
  world.pass(600);
  await world.settle();
  assert.equal(ready(world), failed);
  world.gateway.isDown = false;
  world.pass(1);
  await world.settle();
  assert.deepEqual([ready(world), shares()], ["True", [50, 50]]);
});

test("ERR-15: a gateway that never served a Route is told of by reason, and heals", async () => {
  await using world = await routed();
  await configure(world, {
    template: { annotations: { "autoscaling.knative.dev/min-scale": "1" } },
  });
  world.gateway.isDown = true;
  const traffic = [{ configurationName: "site", percent: 100 }];
  await world.client.create(routeOf("also", { traffic }));
  await world.settle();
  const why = "worker 1 has not confirmed in time";
  const also = () => told(world.get(ROUTE, "also"));
  assert.equal(also()["Ready"], `Unknown Uninitialized: ${why}`);
  world.pass(120);
  await world.settle();
  const never = `False NoIngress: Unable to serve "also": ${why}`;
  assert.deepEqual([also()["IngressReady"], also()["Ready"]], [never, never]);
  assert.equal(also()["AllTrafficAssigned"], "True");
  world.gateway.isDown = false;
  world.pass(1);
  await world.settle();
  assert.equal(also()["Ready"], "True");
});

test("traffic moves to a Revision at rest only when it has an instance again", async () => {
  await using world = await routed();
  await configure(world, { image: "example.com/site:2" });
  assert.deepEqual(world.runtime.of("default/site-00001"), [], "S-11");
  world.runtime.behave("default/site-00001", HANGS);
  await setTraffic(world, split(50));
  const starting = 'Unknown RevisionMissing: Revision "site-00001" is being started again.';
  assert.equal(ready(world), starting);
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/site-00002": 100 });
  world.runtime.behave("default/site-00001", { phase: "ready" });
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(MAIN), {
    "default/site-00001": 50,
    "default/site-00002": 50,
  });
});

test("a Revision that is served and being started again is no news to its Route", async () => {
  await using world = await routed();
  world.runtime.behave("default/site-00001", HANGS);
  await world.settle();
  assert.equal(told(world.get(REVISION, "site-00001"))["Active"]?.slice(0, 7), "Unknown");
  assert.equal(ready(world), "True");
});

test("a Service routes to no Revision of another Service", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("mine"));
  await world.apply(SERVICE, serviceOf("theirs"));
  await world.settle();
  const traffic = [{ revisionName: "theirs-00001", percent: 100 }];
  await world.apply(SERVICE, serviceOf("mine", { traffic }));
  await world.settle();
  assert.equal(
    told(world.get(SERVICE, "mine"))["RoutesReady"],
    'False RevisionNotOwned: Revision "theirs-00001" belongs to Service "theirs", ' +
      "and a Service routes only to its own.",
  );
  const host = "mine.default.localhost";
  assert.deepEqual(world.gateway.splitOf(host), { "default/mine-00001": 100 });
});

function split(percent: number): readonly TrafficTarget[] {
  return [
    { revisionName: "site-00001", percent },
    { revisionName: "site-00002", percent: 100 - percent },
  ];
}

/** A world in which the Route "site" follows the Configuration "site". */
async function routed(): Promise<World> {
  const world = await World.make();
  await world.client.create(routeOf("site"));
  await configure(world);
  return world;
}

async function configure(world: World, wish: Wish = {}): Promise<void> {
  await world.apply(CONFIGURATION, configurationOf("site", wish));
  await world.settle();
}

async function setTraffic(world: World, traffic: readonly TrafficTarget[]): Promise<void> {
  const key = { namespace: "default", name: "site" };
  await world.client.patch({ kind: ROUTE, key }, { spec: { traffic } });
  await world.settle();
}

function ready(world: World): string | undefined {
  return told(world.get(ROUTE, "site"))["Ready"];
}
