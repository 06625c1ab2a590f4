import type { Chance } from "../base/chance.ts";
import type { Shape } from "../base/schema.ts";

// For tests: resources by chance, such as clients send them, and such as nobody should.

export function pick<T>(chance: Chance, list: readonly [T, ...(readonly T[])]): T {
  return list[Math.floor(chance.fraction() * list.length)] ?? list[0];
}

const TEXTS = [
  ...(["", "a", "hello", "hello-1", "Hello_1", "a.b/c", "-", "constructor", "__proto__"] as const),
  ...["toString", "kubernetes.io/tls", "kubernetes.io/dockercfg", "{}", "bnVsbA==", "AAEC"],
  ...["/dev", "/v", "../x", "v", "500m", "1Gi", "-1", "1.5s", "10s", "8080", "http1", "h2c"],
  ...["Opaque", "True", "Always", "TCP", "x".repeat(300), "\0", "ä\n", "2026-01-01T00:00:00Z"],
] as const;
const NUMBERS = [0, 1, 2, 100, 300, 8080, 8012, 65_536, -1, -0, 0.5, 1e300, 2 ** 53] as const;
const KEYS = [
  "a",
  "b.c/d",
  "constructor",
  "__proto__",
  "toString",
  "",
  "é",
  "0",
  "length",
] as const;

const MINE = ["min-scale", "max-scale", "target", "window", "metric", "initialScale"] as const;

/** Anything that JSON can say. */
export function randomJson(chance: Chance, depth = 3): unknown {
  const kinds = depth === 0 ? 4 : 6;
  const kind = Math.floor(chance.fraction() * kinds);
  if (kind === 0) return null;
  if (kind === 1) return chance.fraction() < 0.5;
  if (kind === 2) return pick(chance, NUMBERS);
  if (kind === 3) return pick(chance, TEXTS);
  const inner = () => randomJson(chance, depth - 1);
  const length = Math.floor(chance.fraction() * 3);
  if (kind === 4) return Array.from({ length }, inner);
  return JSON.parse(`{${Array.from({ length }, () => entry(pick(chance, KEYS), inner())).join()}}`);
}

function entry(key: string, value: unknown): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}

/** Something almost of this shape. */
export function randomOf(shape: Shape, chance: Chance): unknown {
  if (chance.fraction() < 0.01) return randomJson(chance);
  const { properties, additionalProperties: others, items } = shape;
  const { enum: known } = shape as { readonly enum?: readonly [unknown] };
  if (known !== undefined && chance.fraction() < 0.9) return pick(chance, known);
  if (properties !== undefined) return randomFields(shape, chance);
  const length = Math.floor(chance.fraction() * 3);
  if (items !== undefined) return Array.from({ length }, () => randomOf(items, chance));
  if (typeof others === "object") {
    const keys = Array.from({ length }, () => randomKey(chance));
    return JSON.parse(`{${keys.map((key) => entry(key, randomOf(others, chance))).join()}}`);
  }
  const types: readonly unknown[] = [shape.type].flat();
  if (types.includes("integer") && chance.fraction() < 0.7) return pick(chance, NUMBERS);
  if (types.includes("boolean")) return chance.fraction() < 0.5;
  if (types.includes("object")) return randomJson(chance);
  return pick(chance, TEXTS);
}

function randomFields({ properties = {}, required = [] }: Shape, chance: Chance): unknown {
  const names = Object.keys(properties).filter(
    (name) => required.includes(name) || chance.fraction() < 0.35,
  );
  const known = names.map((name) => [name, randomOf(properties[name] ?? {}, chance)]);
  const more = chance.fraction() < 0.05 ? [[randomKey(chance), randomJson(chance)]] : [];
  return Object.fromEntries([...known, ...more]);
}

function randomKey(chance: Chance): string {
  const setting = `autoscaling.knative.dev/${pick(chance, MINE)}`;
  return chance.fraction() < 0.3 ? setting : pick(chance, KEYS);
}

type Fields = Readonly<Record<string, unknown>>;

/** The same, but for one thing somewhere in it. */
export function mutated(value: unknown, chance: Chance): unknown {
  const isLeaf = typeof value !== "object" || value === null || Object.keys(value).length === 0;
  if (isLeaf || chance.fraction() < 0.15) return randomJson(chance);
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value);
  const at = Math.floor(chance.fraction() * entries.length);
  const isGone = chance.fraction() < 0.1;
  const changed = entries.flatMap(([key, inner], index) => {
    if (index !== at) return [[key, inner] as const];
    return isGone ? [] : [[key, mutated(inner, chance)] as const];
  });
  return Array.isArray(value) ? changed.map(([, inner]) => inner) : Object.fromEntries(changed);
}

/** The spec of a Service that is valid, as somebody may write it. */
export function randomService(chance: Chance): Fields {
  const isNamed = chance.fraction() < 0.2;
  const volumes = chance.fraction() < 0.5 ? randomVolumes(chance) : [];
  const first = randomContainer(chance, volumes);
  const hasSidecar = chance.fraction() < 0.3;
  const ports = first["ports"] ?? [{ containerPort: 8080 }];
  const containers = hasSidecar ? [{ image: "b/c" }, { ...first, ports }] : [first];
  const metadata = {
    ...(isNamed && { name: "hello-v1" }),
    ...(chance.fraction() < 0.3 && { labels: { app: "x", empty: "" } }),
    ...(chance.fraction() < 0.3 && { annotations: { "autoscaling.knative.dev/min-scale": "1" } }),
  };
  const spec = {
    ...some(chance, {
      timeoutSeconds: pick(chance, [0, 1, 300, 301, 600]),
      responseStartTimeoutSeconds: pick(chance, [0, 1, 300, 500]),
      idleTimeoutSeconds: pick(chance, [0, 60]),
      containerConcurrency: pick(chance, [0, 1, 1000]),
      serviceAccountName: pick(chance, ["", "robot"]),
      imagePullSecrets: [{ name: "registry" }],
      enableServiceLinks: false,
      automountServiceAccountToken: false,
    }),
    ...(volumes.length > 0 && { volumes }),
    containers,
  };
  const tag = pick(chance, ["", "next"]);
  const traffic = [{ revisionName: "hello-1", percent: 90 }, { percent: 10, tag }, { tag: "old" }];
  return { template: { metadata, spec }, ...(chance.fraction() < 0.4 && { traffic }) };
}

function randomContainer(chance: Chance, volumes: readonly Fields[]): Fields {
  const port = { ...some(chance, { containerPort: pick(chance, [0, 80, 8080]), name: "h2c" }) };
  const header = { name: "X-A", value: pick(chance, ["", "b"]) };
  const ready = pick<Fields>(chance, [
    {},
    { tcpSocket: {} },
    { httpGet: { path: "/x", httpHeaders: [header] }, initialDelaySeconds: 0 },
    { exec: { command: ["true"] }, periodSeconds: pick(chance, [0, 5]) },
    { grpc: { service: pick(chance, ["", "s"]) }, periodSeconds: 5, failureThreshold: 2 },
  ]);
  const quantity = () => pick<string | number>(chance, ["1000m", "1.5", 2, "0.5", "2e0"]);
  const mounts = volumes.map(({ name }) => ({
    name,
    mountPath: `/${name}`,
    ...some(chance, { subPath: pick(chance, ["", "x/y"]) }),
    ...(name === "scratch" && some(chance, { readOnly: chance.fraction() < 0.5 })),
  }));
  return {
    image: pick(chance, ["a/b", "example.com/a:1"]),
    ...some(chance, {
      name: pick(chance, ["", "web", "user-container", "user-container-1"]),
      args: pick(chance, [[], ["", "x"]]),
      command: pick(chance, [[], ["/app"]]),
      workingDir: pick(chance, ["", "/tmp"]),
      env: [{ name: "A", value: pick(chance, ["", "1"]) }],
      envFrom: [{ prefix: "", secretRef: { name: "s" } }],
      ports: [port],
      resources: { limits: some(chance, { cpu: quantity(), memory: "1024Mi" }), requests: {} },
      readinessProbe: ready,
      livenessProbe: { httpGet: {}, failureThreshold: 2, periodSeconds: pick(chance, [0, 9]) },
      securityContext: pick<Fields>(chance, [{}, { runAsUser: 0 }, { privileged: false }]),
      terminationMessagePolicy: pick(chance, ["", "File"]),
    }),
    ...(mounts.length > 0 && { volumeMounts: mounts }),
  };
}

function randomVolumes(chance: Chance): readonly Fields[] {
  const size = pick(chance, ["1024Mi", "1Gi", "1.0Gi"]);
  const all: readonly Fields[] = [
    { name: "config", configMap: { name: "c", ...some(chance, { defaultMode: 0, items: [] }) } },
    { name: "scratch", emptyDir: some(chance, { medium: "", sizeLimit: size }) },
    { name: "all", projected: { sources: [{ secret: { name: "s", optional: false } }] } },
  ];
  return all.filter(() => chance.fraction() < 0.6);
}

/** Some of these fields. */
function some(chance: Chance, fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(() => chance.fraction() < 0.5));
}
