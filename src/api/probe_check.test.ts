import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVICE } from "./service.ts";
import { admit, type Parts, refusal, said, service } from "./test_admission.ts";

const C = "spec.template.spec.containers[0]";
const PROBES = ["readinessProbe", "livenessProbe", "startupProbe"] as const;

interface Case {
  readonly container: Parts["container"];
  readonly says: readonly string[];
}

const tcpSocket = {};
const EAGER = "and periodSeconds is zero when it is left out; set it, to 10 for example";

const REFUSED: readonly Case[] = [
  ...["livenessProbe", "startupProbe"].map((name) => ({
    container: { [name]: { periodSeconds: 1 } },
    says: [
      "expected exactly one, got neither: " +
        ["httpGet", "tcpSocket", "exec", "grpc"].map((way) => `${C}.${name}.${way}`).join(", "),
    ],
  })),
  ...PROBES.map((name) => ({
    container: { [name]: { tcpSocket, httpGet: {} } },
    says: [`expected exactly one, got both: ${C}.${name}.httpGet, ${C}.${name}.tcpSocket`],
  })),
  {
    container: { readinessProbe: { exec: {} } },
    says: [`missing field(s): ${C}.readinessProbe.exec.command`],
  },
  {
    container: { readinessProbe: { httpGet: { httpHeaders: [{ name: "", value: "x" }] } } },
    says: [`missing field(s): ${C}.readinessProbe.httpGet.httpHeaders[0].name`],
  },
  ...["failureThreshold", "timeoutSeconds"].flatMap((name) =>
    [{}, { periodSeconds: 0 }].map((period) => ({
      container: { readinessProbe: { tcpSocket, [name]: 2, ...period } },
      says: [
        `${name} is disallowed when periodSeconds is zero: ${C}.readinessProbe.${name}`,
        `${name} is 2, ${EAGER}`,
      ],
    })),
  ),
  ...PROBES.flatMap((probe) =>
    Object.entries({
      initialDelaySeconds: 0,
      periodSeconds: 0,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 1,
    }).map(([name, least]) => ({
      container: { [probe]: { tcpSocket, periodSeconds: 5, [name]: -1 } },
      says: [`expected ${least} <= -1 <= 2147483647: ${C}.${probe}.${name}`],
    })),
  ),
  ...Object.entries({ httpGet: 9000, tcpSocket: "other", grpc: 9000 }).flatMap(([way, port]) =>
    PROBES.map((probe) => ({
      container: { [probe]: { [way]: { port } }, ports: [{ containerPort: 8081 }] },
      says: [
        `Probe port must match container port: ${C}.${probe}.${way}.port`,
        `want 8081, have ${port}`,
      ],
    })),
  ),
];

for (const { container, says } of REFUSED) {
  test(`a probe is refused: ${says[0]?.slice(0, 120)}`, () => {
    assert.deepEqual(said(refusal(SERVICE, service({ container: { ...container } }))), says);
  });
}

test("a sidecar is not probed", () => {
  const sidecars = PROBES.map((name, index) => ({
    image: "b",
    name: `sidecar-${index}`,
    [name]: { tcpSocket },
  }));
  assert.deepEqual(said(refusal(SERVICE, service({ container: { ports: [{}] }, sidecars }))), [
    "must not set the field(s): spec.template.spec.containers[1].readinessProbe, " +
      "spec.template.spec.containers[2].livenessProbe, " +
      "spec.template.spec.containers[3].startupProbe",
    "only the container with the port is probed",
  ]);
});

const FINE: readonly Parts["container"][] = [
  ...PROBES.map((name) => ({ [name]: { httpGet: { path: "/x", scheme: "HTTPS" } } })),
  ...PROBES.map((name) => ({ [name]: { grpc: { service: "s" } } })),
  { readinessProbe: { tcpSocket, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 1 } },
  { livenessProbe: { tcpSocket, failureThreshold: 9, timeoutSeconds: 9 } },
  { readinessProbe: { tcpSocket: { port: 8080 } } },
  { readinessProbe: { httpGet: { port: "8080" } } },
  { readinessProbe: { tcpSocket: { port: 9000 } }, ports: [{ containerPort: 9000 }] },
  { readinessProbe: { httpGet: { port: "h2c" } }, ports: [{ name: "h2c" }] },
  { readinessProbe: { httpGet: { httpHeaders: [{ name: "X", value: "" }] } } },
  { startupProbe: { exec: { command: ["true"] }, terminationGracePeriodSeconds: 5 } },
];

for (const container of FINE) {
  test(`a probe is fine as ${JSON.stringify(container)}`, () => {
    admit(SERVICE, service({ container: { ...container } }));
  });
}
