import type { Kind } from "../../src/api/kind.ts";
import { schemaOf } from "../../src/api/kind.ts";
import { kindOf } from "../../src/api/kinds.ts";
import { mutated, pick, randomJson, randomOf, randomService } from "../../src/api/test_random.ts";
import type { Chance } from "../../src/base/chance.ts";
import { writeYaml } from "../../src/base/yaml.ts";
import type { Sent } from "./bed.ts";

/** A path with names in braces, and what may be asked there. */
export interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly query: readonly string[];
  readonly kind: Kind | undefined;
}

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly "x-kubernetes-group-version-kind": {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  };
}

export interface OpenapiV2 {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** What is served beside resources. */
const PLAIN = [
  "/",
  "/api",
  "/apis",
  "/version",
  "/openapi/v2",
  "/openapi/v3",
  "/api/v1",
  "/healthz",
];

export function endpointsIn({ paths }: OpenapiV2): readonly Endpoint[] {
  const served = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => {
      const { group, version, kind } = operation["x-kubernetes-group-version-kind"];
      const apiVersion = group === "" ? version : `${group}/${version}`;
      const asked = operation.parameters.filter((it) => it.in === "query");
      const query = asked.map(({ name }) => name);
      return { method: verb.toUpperCase(), path, query, kind: kindOf({ apiVersion, kind }) };
    }),
  );
  const pods = "/api/v1/namespaces/{namespace}/pods/{name}";
  const more = [...PLAIN, `${pods}/log`, `${pods}/exec`, "/apis/{name}", "/openapi/v3/apis/{name}"];
  const collections = served.filter(({ method }) => method === "POST");
  return [
    ...served,
    ...collections.map((it) => ({ ...it, method: "DELETE" })),
    ...more.map((path) => ({ method: "GET", path, query: ["limit"], kind: undefined })),
  ];
}

const NAMES = [
  "a",
  "b",
  "c",
  "default",
  "other",
  "hello",
  "Ä",
  "..",
  "%00",
  "x".repeat(300),
] as const;
const VALUES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  dryRun: ["All", "All", "", "none"],
  fieldManager: ["one", "two", "", "x".repeat(200), "\u0000"],
  fieldValidation: ["Strict", "Warn", "Ignore", "maybe"],
  force: ["true", "false", "1", "x"],
  labelSelector: ["a=b", "a in (b,c)", "!a", "a>5", "((", "a=b,,"],
  fieldSelector: ["metadata.name=a", "metadata.namespace!=other", "x=y", "="],
  limit: ["1", "2", "0", "-1", "x", "99999999999999999999"],
  continue: [
    "",
    "e30",
    "eyJyZXZpc2lvbiI6MSwiYWZ0ZXIiOiJhIn0",
    "eyJyZXZpc2lvbiI6OTk5OTk5LCJhZnRlciI6IiJ9",
  ],
  resourceVersion: ["", "0", "1", "5", "999999999", "x", "-1"],
  resourceVersionMatch: ["Exact", "NotOlderThan", "x"],
  watch: ["false", "true", "1"],
  sendInitialEvents: ["true", "false", "x"],
  timeoutSeconds: ["1", "0", "x"],
  propagationPolicy: ["Foreground", "Background", "Orphan", "x"],
  gracePeriodSeconds: ["0", "30", "-1", "x"],
};
const ANY = ["true", "1", "", "x"] as const;

const ACCEPTS = [
  ...["application/json", "*/*", "", "application/yaml", "text/html"],
  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
  "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
  "application/vnd.kubernetes.protobuf,application/json",
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
] as const;

const PATCHES = [
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/json-patch+json",
  "application/apply-patch+yaml",
  "application/apply-patch+yaml",
] as const;
const TYPES = [
  ...["application/json", "application/json", "application/json", "application/json"],
  ...["application/json", "application/json", "application/yaml", "text/plain"],
] as const;

/** A request to one of the endpoints: mostly sensible, now and then anything. */
export function someRequest(endpoints: readonly Endpoint[], chance: Chance): Sent {
  const [first, ...others] = endpoints;
  if (first === undefined) throw new Error("there are no endpoints");
  const makers = endpoints.filter(({ method }) => method === "POST");
  const isMaking = chance.fraction() < 0.2;
  const endpoint = pick(chance, isMaking ? [makers[0] ?? first, ...makers] : [first, ...others]);
  const { method, query } = endpoint;
  const name = pick(chance, NAMES.slice(0, 3) as [string, ...string[]]);
  const path = endpoint.path
    .replace("{namespace}", placed(chance, "default"))
    .replace("{name}", placed(chance, name));
  const asked = query.filter(() => chance.fraction() < 0.15);
  const pairs = asked.map((it) => [it, pick<string>(chance, VALUES[it] ?? ANY)] as const);
  const search = new URLSearchParams(Object.fromEntries(pairs)).toString();
  const accept = chance.fraction() < 0.7 ? "application/json" : pick(chance, ACCEPTS);
  const hasBody = method !== "GET" && (method !== "DELETE" || chance.fraction() < 0.4);
  const content = hasBody ? contentOf(endpoint, name, chance) : {};
  return {
    ...{ method, path: search === "" ? path : `${path}?${search}` },
    ...content,
    // A watch would go on for a while.
    isLetGo: pairs.some(([key, value]) => key === "watch" && value !== "false"),
    headers: { ...(accept !== "" && { accept }), ...content.headers },
  };
}

function placed(chance: Chance, usual: string): string {
  return encodeURIComponent(chance.fraction() < 0.85 ? usual : pick<string>(chance, NAMES));
}

function contentOf({ method, kind }: Endpoint, name: string, chance: Chance): Partial<Sent> {
  const type = method === "PATCH" ? pick(chance, PATCHES) : pick(chance, TYPES);
  const headers = { "content-type": type };
  if (chance.fraction() < 0.02) return { headers, body: '{"a":1,"a":' };
  if (chance.fraction() < 0.02) {
    const bytes = Array.from({ length: 40 }, () => Math.floor(chance.fraction() * 256));
    const protobuf = { "content-type": "application/vnd.kubernetes.protobuf" };
    return { headers: protobuf, body: Buffer.from([0x6b, 0x38, 0x73, 0, ...bytes]) };
  }
  const value = type.includes("json-patch") ? jsonPatch(chance) : objectOf(kind, name, chance);
  const isYaml = type.endsWith("yaml") && chance.fraction() < 0.5;
  return { headers, body: isYaml ? writeYaml(value) : JSON.stringify(value) };
}

function jsonPatch(chance: Chance): unknown {
  const paths = [
    "/metadata/labels/a",
    "/metadata/labels",
    "/data/a",
    "/spec",
    "/",
    "x",
    "/status",
  ] as const;
  const ops = ["add", "replace", "remove", "test", "copy", "move", "no"] as const;
  const count = Math.floor(chance.fraction() * 3);
  return Array.from({ length: count }, () => ({
    op: pick(chance, ops),
    path: pick(chance, paths),
    from: pick(chance, paths),
    value: randomJson(chance),
  }));
}

function objectOf(kind: Kind | undefined, name: string, chance: Chance): unknown {
  if (kind === undefined || chance.fraction() < 0.05) return randomJson(chance);
  const { apiVersion, kind: type } = kind;
  const isValid = chance.fraction() < 0.6;
  const base = isValid ? validOf(type, chance) : (randomOf(schemaOf(kind), chance) as object);
  const labels = { a: pick(chance, ["b", "c"]) };
  const whole = { ...base, apiVersion, kind: type, metadata: { name, labels } };
  return chance.fraction() < 0.6 ? whole : mutated(whole, chance);
}

/** What a kind asks for beside a name, as somebody may write it. */
function validOf(type: string, chance: Chance): object {
  const { template, traffic } = randomService(chance);
  const value = pick(chance, ["1", "2", "3"]);
  if (type === "ConfigMap") return { data: { [pick(chance, ["x", "y"])]: value } };
  if (type === "Secret") return { stringData: { [pick(chance, ["x", "y"])]: value } };
  if (type === "Service") return { spec: { template, ...(traffic !== undefined && { traffic }) } };
  if (type === "Configuration") return { spec: { template } };
  if (type === "Route")
    return { spec: { traffic: [{ revisionName: `r-${value}`, percent: 100 }] } };
  if (type === "Scale") return { spec: { replicas: Number(value) } };
  if (type === "Role" || type === "ClusterRole") {
    return { rules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }] };
  }
  if (type === "Event") return { involvedObject: { name: "a", namespace: "default" }, count: 1 };
  return {};
}
