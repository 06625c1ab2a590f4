import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVICE } from "./service.ts";
import { admit, type Parts, refusal, said, service } from "./test_admission.ts";

const S = "spec.template.spec";

interface Case {
  readonly parts: Parts;
  readonly says: readonly string[];
}

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or " +
  "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex " +
  "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?" +
  "(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const wayOf = (key: string) =>
  `an operator may allow more: ${key} in ConfigMap "config-defaults" of "varve-system"`;

const REFUSED: readonly Case[] = [
  ...[undefined, null, []].map((containers) => ({
    parts: { spec: { containers } },
    says: [`missing field(s): ${S}.containers`],
  })),
  {
    parts: { spec: { timeoutSeconds: -1 } },
    says: [`expected 0 <= -1 <= 600: ${S}.timeoutSeconds`],
  },
  {
    parts: { spec: { timeoutSeconds: 601 } },
    says: [`expected 0 <= 601 <= 600: ${S}.timeoutSeconds`, wayOf("max-revision-timeout-seconds")],
  },
  ...["responseStartTimeoutSeconds", "idleTimeoutSeconds"].flatMap((field) =>
    [-1, 86_401].map((seconds) => ({
      parts: { spec: { [field]: seconds } },
      says: [`expected 0 <= ${seconds} <= 86400: ${S}.${field}`],
    })),
  ),
  {
    parts: { spec: { containerConcurrency: -1 } },
    says: [`expected 0 <= -1 <= 1000: ${S}.containerConcurrency`],
  },
  {
    parts: { spec: { containerConcurrency: 1001 } },
    says: [
      `expected 0 <= 1001 <= 1000: ${S}.containerConcurrency`,
      wayOf("container-concurrency-max-limit"),
    ],
  },
  {
    parts: { spec: { serviceAccountName: "foo@bar.baz" } },
    says: [`invalid value: foo@bar.baz: ${S}.serviceAccountName`, SUBDOMAIN],
  },
  {
    parts: { spec: { imagePullSecrets: [{ name: "a" }, { name: "" }] } },
    says: [`missing field(s): ${S}.imagePullSecrets[1].name`],
  },
  {
    parts: { spec: { enableServiceLinks: true } },
    says: [
      `must not set the field(s): ${S}.enableServiceLinks`,
      "there are no links here: leave it out",
    ],
  },
  {
    parts: { spec: { automountServiceAccountToken: true } },
    says: [
      `must not set the field(s): ${S}.automountServiceAccountToken`,
      "it may be false, or left out",
    ],
  },
  {
    parts: { container: { name: "x", ports: [{}] }, sidecars: [{ name: "x", image: "b" }] },
    says: [`duplicate container name "x": ${S}.containers[1].name`],
  },
  {
    parts: { container: { ports: [{}] }, sidecars: [{ image: "b", ports: [{}] }] },
    says: [
      `more than one container port is set: ${S}.containers[0].ports[0], ` +
        `${S}.containers[1].ports[0]`,
      "Only a single port is allowed across all containers",
    ],
  },
  {
    parts: { sidecars: [{ image: "b" }] },
    says: [`missing field(s): ${S}.containers[*].ports`],
  },
  {
    parts: { container: { ports: [{}] }, sidecars: [{}, {}] },
    says: [`missing field(s): ${S}.containers[1].image, ${S}.containers[2].image`],
  },
];

for (const { parts, says } of REFUSED) {
  test(`a Revision's spec is refused: ${says[0]}`, () => {
    assert.deepEqual(said(refusal(SERVICE, service(parts))), says);
  });
}

const FORBIDDEN: Readonly<Record<string, unknown>> = {
  nodeSelector: { disk: "ssd" },
  affinity: { nodeAffinity: {} },
  tolerations: [{ key: "a" }],
  topologySpreadConstraints: [{ maxSkew: 1 }],
  hostAliases: [{ ip: "127.0.0.1" }],
  runtimeClassName: "gvisor",
  dnsPolicy: "Default",
  dnsConfig: { nameservers: ["1.1.1.1"] },
  securityContext: { runAsUser: 1 },
  shareProcessNamespace: true,
  hostIPC: true,
  hostPID: true,
  hostNetwork: true,
  priorityClassName: "high",
  schedulerName: "mine",
  initContainers: [{ image: "a" }],
  restartPolicy: "Never",
  nodeName: "a",
};

for (const [field, value] of Object.entries(FORBIDDEN)) {
  test(`a Revision may not say ${field} of its pods`, () => {
    const says = [`must not set the field(s): ${S}.${field}`];
    assert.deepEqual(said(refusal(SERVICE, service({ spec: { [field]: value } }))), says);
  });
}

test("all that is wrong is told at once", () => {
  const parts = {
    spec: { timeoutSeconds: 900, hostNetwork: true },
    container: { image: "", env: [{ name: "PORT", value: "1" }] },
    traffic: [{ percent: 50 }],
  };
  assert.deepEqual(said(refusal(SERVICE, service(parts))), [
    `missing field(s): ${S}.containers[0].image`,
    `"PORT" is a reserved environment variable: ${S}.containers[0].env[0].name`,
    `expected 0 <= 900 <= 600: ${S}.timeoutSeconds`,
    wayOf("max-revision-timeout-seconds"),
    `must not set the field(s): ${S}.hostNetwork`,
    "Traffic targets sum to 50, want 100: spec.traffic",
  ]);
});

const FINE: readonly Parts[] = [
  { spec: { timeoutSeconds: 600, responseStartTimeoutSeconds: 600, idleTimeoutSeconds: 3600 } },
  { spec: { containerConcurrency: 1000 } },
  { spec: { serviceAccountName: "foo.bar-baz", imagePullSecrets: [{ name: "a" }] } },
  { spec: { enableServiceLinks: false, automountServiceAccountToken: false } },
  { spec: { nodeSelector: {}, affinity: {}, tolerations: [], hostNetwork: false, dnsPolicy: "" } },
  { spec: { initContainers: [], securityContext: {}, schedulerName: null } },
  {
    container: { ports: [{}] },
    sidecars: [{ image: "b", env: [{ name: "PORT", value: "8882" }] }],
  },
];

for (const parts of FINE) {
  test(`a Revision's spec is fine with ${JSON.stringify(parts)}`, () => {
    admit(SERVICE, service(parts));
  });
}
