import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVICE } from "./service.ts";
import { admit, type Parts, refusal, said, service } from "./test_admission.ts";

const C = "spec.template.spec.containers[0]";
const QUANTITY = 'want a quantity, such as "500m" or "256Mi"';
const RESOURCE = "want cpu, memory, ephemeral-storage, or a name with its domain";

interface Case {
  readonly container: Parts["container"];
  readonly spec?: Parts["spec"];
  readonly says: readonly string[];
}

const LABEL =
  "a DNS-1123 label is lower-case letters, digits and '-', " +
  "and begins and ends with a letter or digit";

const NAMES: readonly Case[] = [
  {
    container: { name: "queue-proxy" },
    says: [`"queue-proxy" is a reserved container name: ${C}.name`],
  },
  { container: { name: "a_b" }, says: [`invalid value: a_b: ${C}.name`, LABEL] },
  { container: { image: "" }, says: [`missing field(s): ${C}.image`] },
  { container: { image: null }, says: [`missing field(s): ${C}.image`] },
  {
    container: { image: "Hello World" },
    says: [
      `Failed to parse image reference: ${C}.image`,
      `image: "Hello World", error: "Hello World" is not lower-case letters and digits, ` +
        "with '.', '_' or '-' between them",
    ],
  },
];

const ENVIRONMENT: readonly Case[] = [
  ...["PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"].map((name) => ({
    container: { env: [{ name: "FINE" }, { name, value: "1" }] },
    says: [`"${name}" is a reserved environment variable: ${C}.env[1].name`],
  })),
  { container: { env: [{ name: "" }] }, says: [`missing field(s): ${C}.env[0].name`] },
  {
    container: { env: [{ name: "A=B" }] },
    says: [`invalid value: A=B: ${C}.env[0].name`, "a name has no '=' and no NUL"],
  },
  {
    container: { env: [{ name: "A", value: "\0" }] },
    says: [`invalid value: that of "A": ${C}.env[0].value`, "a value has no NUL"],
  },
  {
    container: { env: [{ name: "A", valueFrom: {} }] },
    says: [
      `expected exactly one, got neither: ${C}.env[0].valueFrom.configMapKeyRef, ` +
        `${C}.env[0].valueFrom.secretKeyRef`,
    ],
  },
  {
    container: {
      env: [
        {
          name: "A",
          valueFrom: {
            configMapKeyRef: { name: "c", key: "k" },
            secretKeyRef: { name: "s", key: "k" },
          },
        },
      ],
    },
    says: [
      `expected exactly one, got both: ${C}.env[0].valueFrom.configMapKeyRef, ` +
        `${C}.env[0].valueFrom.secretKeyRef`,
    ],
  },
  {
    container: { env: [{ name: "A", valueFrom: { secretKeyRef: { key: "" } } }] },
    says: [
      `missing field(s): ${C}.env[0].valueFrom.secretKeyRef.name, ` +
        `${C}.env[0].valueFrom.secretKeyRef.key`,
    ],
  },
  {
    container: {
      env: [{ name: "A", value: "x", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
    },
    says: [`must not set the field(s): ${C}.env[0].valueFrom`, "a value is given as well"],
  },
  {
    container: { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] },
    says: [
      `expected exactly one, got neither: ${C}.env[0].valueFrom.configMapKeyRef, ` +
        `${C}.env[0].valueFrom.secretKeyRef`,
      `must not set the field(s): ${C}.env[0].valueFrom.fieldRef`,
    ],
  },
  {
    container: { envFrom: [{}] },
    says: [
      `expected exactly one, got neither: ${C}.envFrom[0].configMapRef, ${C}.envFrom[0].secretRef`,
    ],
  },
  {
    container: { envFrom: [{ configMapRef: { name: "c" }, secretRef: { name: "s" } }] },
    says: [
      `expected exactly one, got both: ${C}.envFrom[0].configMapRef, ${C}.envFrom[0].secretRef`,
    ],
  },
  {
    container: { envFrom: [{ secretRef: { name: "" } }] },
    says: [`missing field(s): ${C}.envFrom[0].secretRef.name`],
  },
  {
    container: { envFrom: [{ prefix: "a=", secretRef: { name: "s" } }] },
    says: [`invalid value: a=: ${C}.envFrom[0].prefix`, "a name has no '=' and no NUL"],
  },
];

const PORTS: readonly Case[] = [
  ...[8012, 8013, 8022, 8008, 9090, 9091].map((containerPort) => ({
    container: { ports: [{ containerPort }] },
    says: [`invalid value: ${containerPort} is a reserved port: ${C}.ports[0].containerPort`],
  })),
  ...[-1, 65_536].map((containerPort) => ({
    container: { ports: [{ containerPort }] },
    says: [`expected 0 <= ${containerPort} <= 65535: ${C}.ports[0].containerPort`],
  })),
  ...["http", "h2", "arbitrary"].map((name) => ({
    container: { ports: [{ name }] },
    says: [
      `Port name ${name} is not allowed: ${C}.ports[0].name`,
      "Name must be empty, or one of: 'h2c', 'http1'",
    ],
  })),
  {
    container: { ports: [{ protocol: "UDP" }] },
    says: [`invalid value: UDP: ${C}.ports[0].protocol`, 'want "TCP"'],
  },
  {
    container: { ports: [{}, { containerPort: 9000 }] },
    says: [
      `more than one container port is set: ${C}.ports[0], ${C}.ports[1]`,
      "Only a single port is allowed across all containers",
    ],
  },
  {
    container: { ports: [{ hostPort: 80, hostIP: "1.2.3.4" }] },
    says: [`must not set the field(s): ${C}.ports[0].hostPort, ${C}.ports[0].hostIP`],
  },
];

const RESOURCES: readonly Case[] = [
  {
    container: { resources: { limits: { cpu: "lots" } } },
    says: [`invalid value: lots: ${C}.resources.limits.cpu`, QUANTITY],
  },
  {
    container: { resources: { requests: { memory: "-1Mi" } } },
    says: [`invalid value: -1Mi: ${C}.resources.requests.memory`, QUANTITY],
  },
  {
    container: { resources: { limits: { memory: "1Gi" }, requests: { memory: "2Gi" } } },
    says: [
      `invalid value: 2Gi: ${C}.resources.requests.memory`,
      "must be less than or equal to the limit 1Gi",
    ],
  },
  ...["cpus", "constructor", "/x"].map((name) => {
    const step = name === "/x" ? "[/x]" : `.${name}`;
    return {
      container: { resources: { limits: { [name]: 1 } } },
      says: [`invalid value: ${name}: ${C}.resources.limits${step}`, RESOURCE],
    };
  }),
  {
    container: { resources: { claims: [{ name: "gpu" }] } },
    says: [`must not set the field(s): ${C}.resources.claims`],
  },
];

const SECURITY: readonly Case[] = [
  ...["runAsUser", "runAsGroup"].flatMap((field) =>
    [-10, 2_147_483_648].map((id) => ({
      container: { securityContext: { [field]: id } },
      says: [`expected 0 <= ${id} <= 2147483647: ${C}.securityContext.${field}`],
    })),
  ),
  {
    container: { securityContext: { runAsUser: 0, runAsNonRoot: true } },
    says: [`invalid value: 0: ${C}.securityContext.runAsUser`, "runAsNonRoot is true"],
  },
  {
    container: { securityContext: { privileged: true } },
    says: [
      `must not set the field(s): ${C}.securityContext.privileged`,
      "it may be false, or left out",
    ],
  },
  {
    container: { securityContext: { capabilities: { add: ["NET_BIND_SERVICE", "SYS_ADMIN"] } } },
    says: [
      `must not set the field(s): ${C}.securityContext.capabilities.add`,
      "NET_BIND_SERVICE may be added, not SYS_ADMIN",
    ],
  },
  {
    container: { securityContext: { procMount: "Default", seLinuxOptions: { user: "a" } } },
    says: [
      `must not set the field(s): ${C}.securityContext.procMount, ` +
        `${C}.securityContext.seLinuxOptions`,
    ],
  },
];

/** With the volume "v" at "/v", which may be written to unless it is said otherwise. */
function mounted(
  { volume = { emptyDir: {} }, ...mount }: { volume?: object; [field: string]: unknown },
  terminationMessagePath?: string,
) {
  const volumeMounts = [{ name: "v", mountPath: "/v", ...mount }];
  const path = terminationMessagePath === undefined ? {} : { terminationMessagePath };
  return { spec: { volumes: [{ name: "v", ...volume }] }, container: { volumeMounts, ...path } };
}

const POLICIES: readonly Case[] = [
  {
    container: { imagePullPolicy: "Sometimes" },
    says: [
      `invalid value: Sometimes: ${C}.imagePullPolicy`,
      "want one of Always, IfNotPresent, Never",
    ],
  },
  {
    container: { terminationMessagePolicy: "Shout" },
    says: [
      `invalid value: Shout: ${C}.terminationMessagePolicy`,
      "want one of File, FallbackToLogsOnError",
    ],
  },
  ...["dev/log", "log", "/a/../b", "/..", "/", "/dev/", "/tmp"].map((path) => ({
    container: { terminationMessagePath: path },
    says: [
      `invalid value: ${path}: ${C}.terminationMessagePath`,
      'want the absolute path of a file without "..", such as "/dev/termination-log"',
    ],
  })),
  ...["/v", "/v/", "/dev/termination-log", "/dev/termination-log/v"].map((mountPath) => ({
    ...mounted({ mountPath }, mountPath.startsWith("/v") ? "/v" : undefined),
    says: [
      `invalid value: ${mountPath.startsWith("/v") ? "/v" : "/dev/termination-log"}: ` +
        `${C}.terminationMessagePath`,
      `the volume "v" is at "${mountPath.replace(/v\/$/, "v")}": want another`,
    ],
  })),
  ...[{ volume: { configMap: { name: "c" } } }, { readOnly: true }].map((how) => ({
    ...mounted(how, "/v/deep/why"),
    says: [
      `invalid value: /v/deep/why: ${C}.terminationMessagePath`,
      'the volume "v" can only be read: want a path that is not in "/v"',
    ],
  })),
  ...["lifecycle", "stdin", "stdinOnce", "tty"].map((field) => ({
    container: { [field]: field === "lifecycle" ? { preStop: { exec: {} } } : true },
    says: [`must not set the field(s): ${C}.${field}`],
  })),
];

for (const { container, spec = {}, says } of [
  ...NAMES,
  ...ENVIRONMENT,
  ...PORTS,
  ...RESOURCES,
  ...SECURITY,
  ...POLICIES,
]) {
  test(`a container is refused: ${says[0]}`, () => {
    assert.deepEqual(said(refusal(SERVICE, service({ spec, container: { ...container } }))), says);
  });
}

const FINE: readonly Parts["container"][] = [
  { name: "web", command: ["/app"], args: [""], workingDir: "/tmp" },
  { env: [{ name: "A" }, { name: "A", value: "=" }, { name: "lower.case-1", value: "x" }] },
  { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s", key: "k", optional: true } } }] },
  { envFrom: [{ prefix: "X_", configMapRef: { name: "c" } }, { secretRef: { name: "s" } }] },
  { ports: [{ name: "h2c", containerPort: 65_535, protocol: "TCP" }] },
  { ports: [{ name: "http1", containerPort: 1 }] },
  {
    resources: {
      limits: { cpu: 1, memory: "350Mi", "nvidia.com/gpu": 1 },
      requests: { cpu: "125m" },
    },
  },
  { resources: { limits: { "hugepages-2Mi": "4Mi", "ephemeral-storage": "1Gi" } } },
  { securityContext: { runAsUser: 0, runAsGroup: 2_147_483_647, privileged: false } },
  { securityContext: { capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] } } },
  { securityContext: { seccompProfile: { type: "RuntimeDefault" }, runAsNonRoot: true } },
  { imagePullPolicy: "Never", terminationMessagePolicy: "FallbackToLogsOnError" },
  { terminationMessagePath: "/dev/x", tty: false, lifecycle: {}, stdin: null },
];

test("a container may say why it ended in what it can write to, and beside what it cannot", () => {
  admit(SERVICE, service(mounted({}, "/v/deep/why")));
  admit(SERVICE, service(mounted({ volume: { configMap: { name: "c" } } }, "/v2/why:1")));
  const nul = { terminationMessagePath: "/a\0" };
  assert.match(refusal(SERVICE, service({ container: nul })).message, /want the absolute path of/);
  const deep = mounted({ volume: { secret: { secretName: "s" } } }, "/v/own/why");
  const volumes = [...deep.spec.volumes, { name: "own", emptyDir: {} }];
  const volumeMounts = [...deep.container.volumeMounts, { name: "own", mountPath: "/v/own" }];
  admit(SERVICE, service({ spec: { volumes }, container: { ...deep.container, volumeMounts } }));
});

for (const container of FINE) {
  test(`a container is fine with ${JSON.stringify(container)}`, () => {
    admit(SERVICE, service({ container: { ...container } }));
  });
}
