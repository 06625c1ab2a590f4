import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv } from "ajv";
import { type Chance, seededChance } from "../base/chance.ts";
import { CLIENT_SIGNER } from "./certificate_request.ts";
import { cellOf } from "./column.ts";
import { definitionOf } from "./definition.ts";
import { ApiError } from "./error.ts";
import { type Kind, schemaOf } from "./kind.ts";
import { KINDS } from "./kinds.ts";
import type { Resource } from "./meta.ts";
import { SERVICE } from "./service.ts";
import { CONTROLLER_USER } from "./serving.ts";
import { admit, stored } from "./test_admission.ts";
import { mutated, pick, randomJson, randomOf, randomService } from "./test_random.ts";

const CASES = 10_000;

for (const kind of KINDS) {
  test(`whatever is sent as a ${kind.kind} is taken or refused, and nothing breaks`, () => {
    const seed = 41;
    const chance = seededChance(seed);
    let taken = 0;
    let before: Resource | undefined;
    for (let times = 0; times < CASES / KINDS.length; times += 1) {
      const body = randomBody(kind, chance);
      const user = pick(chance, ["alice", "bob", CONTROLLER_USER]);
      const admitting = { user, ...(before && chance.fraction() < 0.5 && { stored: before }) };
      try {
        const now = stored(kind, body, admitting);
        taken += 1;
        before = now;
        checkAgain(kind, now);
      } catch (thrown) {
        const why = `seed ${seed}, ${times}: ${JSON.stringify(body)}`;
        assert(thrown instanceof ApiError, `${why}: ${String(thrown)}`);
        assert(thrown.message.length < 60_000, why);
      }
    }
    assert(taken > 20, `${taken} were taken`);
  });
}

/** From what is nothing at all to what is almost right. */
function randomBody(kind: Kind, chance: Chance): unknown {
  if (chance.fraction() < 0.05) return randomJson(chance, 5);
  const base = baseOf(kind, chance);
  if (base === undefined || chance.fraction() < 0.3) {
    return named(randomOf(schemaOf(kind), chance));
  }
  let body: unknown = { metadata: { name: "hello" }, ...base };
  const times = Math.floor(chance.fraction() * 4);
  for (let count = 0; count < times; count += 1) body = mutated(body, chance);
  return body;
}

/** One that is right, of the kinds that random ones are never right of. */
function baseOf({ kind }: Kind, chance: Chance): object | undefined {
  const { template, traffic } = randomService(chance);
  if (kind === "Service") return { spec: { template, traffic } };
  if (kind === "Configuration") return { spec: { template } };
  if (kind === "DomainMapping") {
    const ref = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: "hello" };
    return { metadata: { name: "shop.example.com" }, spec: { ref } };
  }
  if (kind === "Revision") return { spec: (template as { readonly spec: unknown }).spec };
  const steps = [{ name: "make", image: "example.com/make:1", args: ["--all"] }];
  if (kind === "Build") return { spec: { steps } };
  if (kind.endsWith("BuildTemplate")) return { spec: { steps, parameters: [{ name: "TARGET" }] } };
  if (kind === "CustomResourceDefinition") return definitionOf(SERVICE);
  if (kind === "RoleBinding" || kind === "ClusterRoleBinding") {
    const subjects = [{ kind: "User", name: "alice" }];
    return { roleRef: { kind: "ClusterRole", name: "view" }, subjects };
  }
  if (kind === "CertificateSigningRequest") {
    const request = Buffer.from("-----BEGIN CERTIFICATE REQUEST-----").toString("base64");
    return { spec: { request, signerName: CLIENT_SIGNER, usages: ["client auth"] } };
  }
  const all = { revisionName: "hello-1", percent: 100 };
  return kind === "Route"
    ? { spec: { traffic: [all, { revisionName: "x", tag: "t" }] } }
    : undefined;
}

/** What is stored can be shown, and sent back. */
function checkAgain(kind: Kind, now: Resource): void {
  for (const column of kind.columns) cellOf(column, now, 0);
  try {
    const again = stored(kind, now, { stored: now });
    assert.deepEqual(again.spec, now.spec);
  } catch (thrown) {
    throw new Error(`what was taken is refused: ${JSON.stringify(now)}`, { cause: thrown });
  }
}

/** Most of it would be refused for its name alone. */
function named(body: unknown): unknown {
  if (typeof body !== "object" || body === null) return body;
  const { metadata = {} } = body as { readonly metadata?: unknown };
  const isFine = typeof metadata === "object" && metadata !== null;
  const { apiVersion: _, kind: __, ...rest } = body as Readonly<Record<string, unknown>>;
  return { ...rest, metadata: isFine ? { ...metadata, name: "hello" } : metadata };
}

const deep = (levels: number) => JSON.parse(`${'{"a":['.repeat(levels)}${"]}".repeat(levels)}`);
const unspeakable = { toString: 1, valueOf: 2, toJSON: 3, length: -1 };
const many = <T>(item: T) => Array.from({ length: 40_000 }, () => item);

const HOSTILE: Readonly<Record<string, (field: string) => unknown>> = {
  "is deeper than anything": (field) => ({ [field]: deep(100_000) }),
  "has more in it than anything": (field) => ({ [field]: many({ a: { b: {} } }) }),
  "cannot be turned into a text": (field) => ({
    apiVersion: unspeakable,
    kind: unspeakable,
    metadata: { name: unspeakable, generateName: [unspeakable], labels: unspeakable },
    [field]: unspeakable,
  }),
  "has a million characters in every word": () => ({
    metadata: { name: "a".repeat(1e6), labels: { ["b".repeat(1e6)]: "c".repeat(1e6) } },
  }),
};

for (const [title, make] of Object.entries(HOSTILE)) {
  test(`a resource that ${title} is refused at once, in few words`, () => {
    for (const kind of KINDS) {
      const [field = "spec"] = Object.keys(kind.schema.properties);
      assert.throws(
        () => admit(kind, make(field)),
        (thrown) => thrown instanceof ApiError && thrown.message.length < 60_000,
        kind.kind,
      );
    }
  });
}

test("the schema of each kind is a JSON Schema", () => {
  const ajv = new Ajv();
  const bad = KINDS.filter((kind) => !ajv.validateSchema(schemaOf(kind)));
  assert.deepEqual(bad, []);
});

test("very many containers, volumes and variables are checked at once", () => {
  const containers = Array.from({ length: 8000 }, (_, index) => ({
    image: "a",
    volumeMounts: [{ name: `v${index}`, mountPath: `/v${index % 7000}` }],
  }));
  const volumes = containers.map((_, index) => ({ name: `v${index}`, emptyDir: {} }));
  const env = Array.from({ length: 6000 }, () => ({ name: "PORT", value: "1" }));
  const spec = {
    containers: [...containers, { image: "b", env, ports: many({}).slice(0, 5000) }],
    volumes,
  };
  for (const kind of KINDS.filter(({ kind }) => ["Service", "Configuration"].includes(kind))) {
    const body = { metadata: { name: "hello" }, spec: { template: { spec } } };
    assert.throws(
      () => admit(kind, body),
      ({ message }: Error) => /and \d+ more/.test(message) && message.length < 60_000,
    );
  }
});
