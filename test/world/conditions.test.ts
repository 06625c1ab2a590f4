import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Condition, conditionOf, type ResourceStatus } from "../../src/api/condition.ts";
import { CONFIGURATION } from "../../src/api/configuration.ts";
import { DOMAIN_MAPPING, type DomainMapping } from "../../src/api/domain_mapping.ts";
import type { Kind } from "../../src/api/kind.ts";
import { KINDS } from "../../src/api/kinds.ts";
import { POD } from "../../src/api/pod.ts";
import { REVISION } from "../../src/api/revision.ts";
import { ROUTE } from "../../src/api/route.ts";
import { SERVICE } from "../../src/api/service.ts";
import { openapiOf } from "../../src/server/openapi.ts";
import { exited } from "./model_runtime.ts";
import { routeOf, serviceOf } from "./serving.ts";
import { World } from "./world.ts";

// How every kind tells its state (spec/elafros §3.7), in a world where much has gone wrong.

const SERVING: readonly Kind[] = [SERVICE, CONFIGURATION, REVISION, ROUTE, DOMAIN_MAPPING];
const WORDS = { True: 1, False: 1, Unknown: 1 };

let world: World;
before(async () => {
  world = await World.make();
  const source = { annotations: { "varve.dev/source": "https://example.com/hello.git" } };
  const lastExit = exited(3, "no database");
  world.runtime.behave("default/crashing-00001", { phase: "waiting", lastExit });
  world.runtime.behave("default/slow-00001", { phase: "starting", message: "nothing listens" });
  world.runtime.behave("default/limited-00001", { caveats: ["no memory limit here"] });
  for (const name of ["well", "crashing", "slow", "limited"]) {
    await world.apply(SERVICE, serviceOf(name));
  }
  await world.apply(SERVICE, serviceOf("lost", { image: "example.com/invalid:1" }));
  await world.apply(SERVICE, serviceOf("built", { image: "", template: source }));
  await world.client.create(routeOf("nowhere"));
  for (const ref of ["well", "nobody"]) {
    const { apiVersion, kind } = DOMAIN_MAPPING;
    const metadata = { namespace: "default", name: `${ref}.example.com` };
    const to = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: ref };
    await world.client.create<DomainMapping>({ apiVersion, kind, metadata, spec: { ref: to } });
  }
  await world.settle();
  await world.apply(SERVICE, serviceOf("well", { image: "example.com/invalid:2" }));
  await world.settle();
});
after(async () => await world[Symbol.asyncDispose]());

interface Said {
  readonly name: string;
  readonly generation: number;
  readonly status: ResourceStatus;
  readonly conditions: readonly Condition[];
}

/** What all resources of Knative's kinds say of themselves. */
function all(): readonly Said[] {
  return SERVING.flatMap((kind) => world.list(kind)).map(({ kind, metadata, ...rest }) => {
    const status = (rest as { readonly status?: ResourceStatus }).status ?? {};
    const name = `${kind} ${metadata.name}`;
    return { name, generation: metadata.generation, status, conditions: status.conditions ?? [] };
  });
}

test("there are resources of each kind that are ready, that failed, and that wait", () => {
  const told = all().map(({ status }) => conditionOf(status, "Ready")?.status);
  assert(all().length > 20);
  for (const word of Object.keys(WORDS)) assert(told.includes(word as Condition["status"]), word);
});

test("C1: conditions are a list by type, with the fields of the API and no others", () => {
  const fields = ["type", "status", "severity", "reason", "message", "lastTransitionTime"];
  for (const { name, conditions } of all()) {
    const types = conditions.map(({ type }) => type);
    assert.equal(new Set(types).size, types.length, `${name}: a type is told once`);
    for (const condition of conditions) {
      assert.deepEqual(
        Object.keys(condition).filter((it) => !fields.includes(it)),
        [],
        name,
      );
      const { status, reason = "", lastTransitionTime = "", severity = "" } = condition;
      assert(status in WORDS && ["", "Warning", "Info"].includes(severity), name);
      assert.match(reason, /^([A-Z][A-Za-z0-9]*)?$/, `${name}: one CamelCase word`);
      assert.match(lastTransitionTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, name);
    }
  }
});

test("C1: the OpenAPI document describes the conditions of every kind, field by field", () => {
  for (const { apiVersion, kind } of SERVING) {
    const document = JSON.stringify(openapiOf(KINDS, apiVersion));
    const schemas = JSON.parse(document).components.schemas;
    const [name = ""] = Object.keys(schemas).filter((it) => it.endsWith(`.${kind}`));
    const { conditions, observedGeneration } = schemas[name].properties.status.properties;
    assert.equal(observedGeneration.type, "integer");
    assert.deepEqual(conditions["x-kubernetes-list-map-keys"], ["type"], kind);
    assert.deepEqual(Object.keys(conditions.items.properties).sort(), [
      ...["lastTransitionTime", "message", "reason", "severity", "status", "type"],
    ]);
  }
});

test("C2: every kind has a Ready that sums up, of no severity", () => {
  for (const { name, status } of all()) {
    const ready = conditionOf(status, "Ready");
    assert(ready !== undefined && (ready.severity ?? "") === "", name);
  }
});

test("C3: what is at work is Unknown, what is done True, and False what has failed", () => {
  assert.deepEqual(
    ["slow", "built", "limited", "crashing", "lost"].map((name) => {
      return conditionOf(world.get(SERVICE, name).status, "Ready")?.status;
    }),
    ["Unknown", "Unknown", "True", "False", "False"],
  );
});

test("C4: Ready is False where any part is, and not True where any part is Unknown", () => {
  for (const { name, status, conditions } of all()) {
    const ready = conditionOf(status, "Ready")?.status;
    const parts = conditions.filter(({ type, severity = "" }) => type !== "Ready" && !severity);
    const told = parts.map((part) => part.status);
    if (told.includes("False")) assert.equal(ready, "False", name);
    else if (told.includes("Unknown")) assert.notEqual(ready, "True", name);
  }
});

test("C5: what is False says why, in a word and in a sentence; what is Unknown as well", () => {
  for (const { name, conditions } of all()) {
    for (const { type, status, reason = "", message = "" } of conditions) {
      if (status === "False") assert(reason !== "" && message !== "", `${name} ${type}`);
    }
    const ready = conditions.find(({ type }) => type === "Ready");
    if (ready?.status !== "True") assert(ready?.reason, `${name} says what it waits for`);
  }
});

test("C6: types are good news when they hold, few to a kind, and Active is Info", () => {
  const types = new Set<string>();
  for (const { name, conditions } of all()) {
    assert(conditions.filter(({ severity = "" }) => !severity).length <= 5, `${name}: few`);
    for (const { type, severity } of conditions) {
      types.add(type);
      if (type === "Active") assert.equal(severity, "Info", name);
    }
  }
  const bad = [...types].filter((type) =>
    /Fail|Error|Missing|Dropped|Lost|Late|^No[A-Z]/.test(type),
  );
  assert.deepEqual(bad, []);
});

test("C7: the generation counts changes of spec, and the status says which it means", async () => {
  for (const { name, generation, status } of all()) {
    assert.equal(status.observedGeneration, generation, name);
  }
  assert.equal(world.get(SERVICE, "well").metadata.generation, 2);
  const { metadata } = world.get(SERVICE, "limited");
  const labels = { ...metadata.labels, a: "b" };
  await world.client.put({ ...world.get(SERVICE, "limited"), metadata: { ...metadata, labels } });
  await world.settle();
  assert.equal(world.get(SERVICE, "limited").metadata.generation, metadata.generation);
});

test("C7: what was not looked at yet says so by its generation, and is not ready", async () => {
  await world.apply(SERVICE, serviceOf("limited", { image: "example.com/hello:2" }));
  const { metadata, status } = world.get(SERVICE, "limited");
  assert.deepEqual([metadata.generation, status?.observedGeneration], [2, 1]);
  await world.settle();
  assert.equal(world.get(SERVICE, "limited").status?.observedGeneration, 2);
  assert(world.list(POD).length > 0);
});
