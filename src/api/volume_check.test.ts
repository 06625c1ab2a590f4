import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVICE } from "./service.ts";
import { admit, type Parts, refusal, said, service } from "./test_admission.ts";

const S = "spec.template.spec";
const V = `${S}.volumes[0]`;
const M = `${S}.containers[0].volumeMounts`;
const INSIDE = 'want a relative path without ".."';

type Fields = Readonly<Record<string, unknown>>;

/** With the volume "v" in it, mounted at "/v", unless told otherwise. */
function withVolume(volume: Fields, mount: Fields = {}): Parts {
  return {
    spec: { volumes: [{ name: "v", ...volume }] },
    container: { volumeMounts: [{ name: "v", mountPath: "/v", ...mount }] },
  };
}

const config = { configMap: { name: "c" } };

interface Case {
  readonly parts: Parts;
  readonly says: readonly string[];
}

const WAYS = ["secret", "configMap", "projected", "emptyDir"].map((way) => `${V}.${way}`);

const VOLUMES: readonly Case[] = [
  {
    parts: { spec: { volumes: [{ name: "v", ...config }] } },
    says: [`volume with name "v" not mounted: ${V}.name`],
  },
  {
    parts: {
      ...withVolume(config),
      spec: {
        volumes: [
          { name: "v", ...config },
          { name: "v", emptyDir: {} },
        ],
      },
    },
    says: [`duplicate volume name "v": ${S}.volumes[1].name`],
  },
  {
    parts: withVolume({ name: "" }, { name: "" }),
    says: [`missing field(s): ${V}.name`],
  },
  {
    parts: withVolume({ name: "V", ...config }, { name: "V" }),
    says: [
      `invalid value: V: ${V}.name`,
      "a DNS-1123 label is lower-case letters, digits and '-', " +
        "and begins and ends with a letter or digit",
    ],
  },
  { parts: withVolume({}), says: [`expected exactly one, got neither: ${WAYS.join(", ")}`] },
  {
    parts: withVolume({ hostPath: { path: "/etc" } }),
    says: [
      `expected exactly one, got neither: ${WAYS.join(", ")}`,
      `must not set the field(s): ${V}.hostPath`,
    ],
  },
  {
    parts: withVolume({ ...config, emptyDir: {} }),
    says: [`expected exactly one, got both: ${V}.configMap, ${V}.emptyDir`],
  },
  { parts: withVolume({ configMap: {} }), says: [`missing field(s): ${V}.configMap.name`] },
  { parts: withVolume({ secret: {} }), says: [`missing field(s): ${V}.secret.secretName`] },
  {
    parts: withVolume({ secret: { secretName: "s", items: [{ key: "", path: "" }] } }),
    says: [`missing field(s): ${V}.secret.items[0].key, ${V}.secret.items[0].path`],
  },
  {
    parts: withVolume({ configMap: { name: "c", items: [{ key: "a/b", path: "x" }] } }),
    says: [
      `invalid value: a/b: ${V}.configMap.items[0].key`,
      "a key is letters, digits, '-', '_' and '.'",
    ],
  },
  ...["/etc/passwd", "../x", "a/../../b", "a/.."].map((path) => ({
    parts: withVolume({ configMap: { name: "c", items: [{ key: "k", path }] } }),
    says: [`invalid value: ${path}: ${V}.configMap.items[0].path`, INSIDE],
  })),
  {
    parts: withVolume({
      configMap: { name: "c", defaultMode: 512, items: [{ key: "k", path: "p", mode: -1 }] },
    }),
    says: [
      `expected 0 <= 512 <= 511: ${V}.configMap.defaultMode`,
      `expected 0 <= -1 <= 511: ${V}.configMap.items[0].mode`,
    ],
  },
  { parts: withVolume({ projected: {} }), says: [`missing field(s): ${V}.projected.sources`] },
  {
    parts: withVolume({ projected: { sources: [{}] } }),
    says: [
      `expected exactly one, got neither: ${V}.projected.sources[0].secret, ` +
        `${V}.projected.sources[0].configMap, ${V}.projected.sources[0].serviceAccountToken`,
    ],
  },
  {
    parts: withVolume({ projected: { sources: [{ configMap: {} }, { secret: {} }] } }),
    says: [
      `missing field(s): ${V}.projected.sources[0].configMap.name, ` +
        `${V}.projected.sources[1].secret.name`,
    ],
  },
  {
    parts: withVolume({ projected: { sources: [{ serviceAccountToken: { path: "../t" } }] } }),
    says: [`invalid value: ../t: ${V}.projected.sources[0].serviceAccountToken.path`, INSIDE],
  },
  {
    parts: withVolume({ projected: { sources: [{ serviceAccountToken: { path: "" } }] } }),
    says: [`missing field(s): ${V}.projected.sources[0].serviceAccountToken.path`],
  },
  ...[599, 2 ** 32 + 1].map((expirationSeconds) => ({
    parts: withVolume({
      projected: { sources: [{ serviceAccountToken: { path: "t", expirationSeconds } }] },
    }),
    says: [
      `expected 600 <= ${expirationSeconds} <= ${2 ** 32}: ` +
        `${V}.projected.sources[0].serviceAccountToken.expirationSeconds`,
    ],
  })),
  {
    parts: withVolume({ emptyDir: { medium: "Tape", sizeLimit: "much" } }),
    says: [
      `invalid value: Tape: ${V}.emptyDir.medium`,
      'want "" or "Memory"',
      `invalid value: much: ${V}.emptyDir.sizeLimit`,
      'want a quantity, such as "256Mi"',
    ],
  },
];

const MOUNTS: readonly Case[] = [
  {
    parts: { container: { volumeMounts: [{ name: "w", mountPath: "/v" }] } },
    says: [`volumeMount has no matching volume: ${M}[0].name`, 'there is no volume "w"'],
  },
  ...["/", "//", "/dev", "/dev/", "/dev/log", "/x/../dev", "/dev/./log/"].map((mountPath) => {
    const clean = mountPath.includes("log") ? "/dev/log" : mountPath.includes("dev") ? "/dev" : "/";
    return {
      parts: withVolume(config, { mountPath }),
      says: [`mountPath "${clean}" is a reserved path: ${M}[0].mountPath`],
    };
  }),
  {
    parts: withVolume(config, { mountPath: "" }),
    says: [`missing field(s): ${M}[0].mountPath`],
  },
  ...["v", "./v", "/a:b"].map((mountPath) => ({
    parts: withVolume(config, { mountPath }),
    says: [`invalid value: ${mountPath}: ${M}[0].mountPath`, "want an absolute path without ':'"],
  })),
  {
    parts: {
      spec: { volumes: [{ name: "v", ...config }] },
      container: {
        volumeMounts: [
          { name: "v", mountPath: "/p" },
          { name: "v", mountPath: "/p/" },
        ],
      },
    },
    says: [`invalid value: "/p/" must be unique: ${M}[1].mountPath`],
  },
  {
    parts: withVolume(config, { readOnly: false }),
    says: [
      `volume mount should be readOnly for this type of volume: ${M}[0].readOnly`,
      'readOnly of "v" is false',
    ],
  },
  {
    parts: withVolume(config, { subPath: "../../etc" }),
    says: [`invalid value: ../../etc: ${M}[0].subPath`, INSIDE],
  },
  {
    parts: withVolume(config, { mountPropagation: "Bidirectional" }),
    says: [`must not set the field(s): ${M}[0].mountPropagation`],
  },
];

for (const { parts, says } of [...VOLUMES, ...MOUNTS]) {
  test(`a volume is refused: ${says.join(" | ")}`, () => {
    assert.deepEqual(said(refusal(SERVICE, service(parts))), says);
  });
}

const FINE: readonly Fields[] = [
  config,
  {
    configMap: {
      name: "c",
      optional: true,
      defaultMode: 0o444,
      items: [{ key: "k", path: "a/b" }],
    },
  },
  { secret: { secretName: "s", items: [{ key: "data", path: "a..b", mode: 0 }] } },
  { projected: { sources: [{ secret: { name: "s" } }, { configMap: { name: "c" } }] } },
  { projected: { sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 600 } }] } },
  { emptyDir: { medium: "Memory", sizeLimit: "64Mi" } },
  { emptyDir: {} },
];

for (const volume of FINE) {
  test(`a volume is fine as ${JSON.stringify(volume)}`, () => {
    admit(SERVICE, service(withVolume(volume)));
  });
}

test("one volume may be mounted in several places and containers", () => {
  const volumeMounts = [
    { name: "v", mountPath: "/a" },
    { name: "v", mountPath: "/b", subPath: "c/d" },
  ];
  const sidecars = [{ image: "b", volumeMounts }];
  const spec = { volumes: [{ name: "v", ...config }] };
  admit(SERVICE, service({ spec, sidecars, container: { volumeMounts, ports: [{}] } }));
});
