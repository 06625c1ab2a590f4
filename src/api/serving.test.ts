import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIGURATION } from "./configuration.ts";
import { ROUTE } from "./route.ts";
import { SERVICE } from "./service.ts";
import { CONTROLLER_USER, rolloutDurationOf } from "./serving.ts";
import { admit, type Parts, refusal, said, service, stored } from "./test_admission.ts";

const CREATOR = "serving.knative.dev/creator";
const MODIFIER = "serving.knative.dev/lastModifier";
const A = "metadata.annotations";

type Strings = Readonly<Record<string, string>>;

function authorsOf({ metadata }: { readonly metadata: { readonly annotations?: Strings } }) {
  return [metadata.annotations?.[CREATOR], metadata.annotations?.[MODIFIER]];
}

function annotated(annotations: Strings, parts: Parts = {}): object {
  return service({ ...parts, metadata: { annotations } });
}

const changed = { container: { image: "b" } };

test("who makes a resource is its creator and its last modifier, whatever is said", () => {
  const forged = { [CREATOR]: "mallory", [MODIFIER]: "mallory" };
  assert.deepEqual(authorsOf(admit(SERVICE, annotated(forged))), ["alice", "alice"]);
  const route = {
    metadata: { name: "a", annotations: forged },
    spec: { traffic: [{ revisionName: "a-1", percent: 100 }] },
  };
  assert.deepEqual(authorsOf(admit(ROUTE, route)), ["alice", "alice"]);
});

test("who changes the spec is its last modifier, and its creator stays", () => {
  const before = stored(SERVICE, service());
  const bob = { stored: before, user: "bob" };
  assert.deepEqual(authorsOf(admit(SERVICE, service(changed), bob)), ["alice", "bob"]);
  const kept = before.metadata.annotations ?? {};
  assert.deepEqual(authorsOf(admit(SERVICE, annotated(kept, changed), bob)), ["alice", "bob"]);
  const traffic = [{ revisionName: "hello-1", percent: 100 }];
  assert.deepEqual(authorsOf(admit(SERVICE, service({ traffic }), bob)), ["alice", "bob"]);
});

test("who changes nothing of the spec is not its last modifier", () => {
  const before = stored(SERVICE, service());
  const labeled = service({ metadata: { labels: { a: "b" } }, spec: { timeoutSeconds: 300 } });
  const bob = { stored: before, user: "bob" };
  assert.deepEqual(authorsOf(admit(SERVICE, labeled, bob)), ["alice", "alice"]);
});

for (const kind of [SERVICE, CONFIGURATION]) {
  const body = (annotations: Strings, parts: Parts = {}) => ({
    ...annotated(annotations, parts),
    kind: kind.kind,
  });

  test(`the creator of a ${kind.kind} does not change`, () => {
    const before = stored(kind, body({}));
    const forged = { [CREATOR]: "mallory", [MODIFIER]: "alice" };
    for (const parts of [{}, changed]) {
      const refused = refusal(kind, body(forged, parts), { stored: before, user: "bob" });
      assert.deepEqual(said(refused), [
        `annotation value is immutable: ${A}[${CREATOR}]`,
        'it is "alice", not "mallory"',
      ]);
    }
  });

  test(`the last modifier of a ${kind.kind} changes only with its spec`, () => {
    const before = stored(kind, body({}));
    const forged = { [CREATOR]: "alice", [MODIFIER]: "mallory" };
    assert.deepEqual(said(refusal(kind, body(forged), { stored: before })), [
      `invalid value: mallory: ${A}[${MODIFIER}]`,
      'it is "alice", and changes only when spec does',
    ]);
    const bob = { stored: before, user: "bob" };
    assert.deepEqual(authorsOf(admit(kind, body(forged, changed), bob)), ["alice", "bob"]);
  });
}

test("controllers pass on the authors of what they make it for", () => {
  const authors = { [CREATOR]: "alice", [MODIFIER]: "bob" };
  const ownerReferences = [
    {
      apiVersion: "serving.knative.dev/v1",
      kind: "Service",
      name: "hello",
      uid: "1",
      controller: true,
    },
  ];
  const body = (annotations: Strings) => ({
    ...service({ metadata: { annotations, ownerReferences } }),
    kind: "Configuration",
  });
  const ours = { user: CONTROLLER_USER };
  const before = stored(CONFIGURATION, body(authors), ours);
  assert.deepEqual(authorsOf(before), ["alice", "bob"]);
  // The Service may have changed its traffic alone.
  const next = body({ ...authors, [MODIFIER]: "carol" });
  const after = admit(CONFIGURATION, next, { ...ours, stored: before });
  assert.deepEqual(authorsOf(after), ["alice", "carol"]);
  assert.deepEqual(authorsOf(admit(CONFIGURATION, body({}), ours)), Array(2).fill(CONTROLLER_USER));
});

const ROLLOUT = "serving.knative.dev/rollout-duration";
const FORMERLY = "serving.knative.dev/rolloutDuration";

interface Case {
  readonly metadata: Parts["metadata"];
  readonly says: readonly string[];
}

const REFUSED: readonly Case[] = [
  ...["autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/maxScale"].map((key) => ({
    metadata: { annotations: { [key]: "1" } },
    says: [
      `invalid key name "${key}": ${A}`,
      'autoscaling annotations must be put under "spec.template.metadata.annotations" to work',
    ],
  })),
  ...[ROLLOUT, FORMERLY].flatMap((key) => {
    const name = key.slice(key.indexOf("/") + 1);
    return [
      {
        metadata: { annotations: { [key]: "1.5s" } },
        says: [`${name}=1.5s is not at second precision: ${A}[${key}]`],
      },
      {
        metadata: { annotations: { [key]: "-1s" } },
        says: [`${name}=-1s must be positive: ${A}[${key}]`],
      },
      {
        metadata: { annotations: { [key]: "a while" } },
        says: [`invalid value: a while: ${A}[${key}]`, 'want a duration, such as "120s"'],
      },
    ];
  }),
  ...["service", "configuration"].map((owner) => ({
    metadata: { labels: { [`serving.knative.dev/${owner}`]: "other" } },
    says: [
      `invalid value: other: metadata.labels[serving.knative.dev/${owner}]`,
      `there is no ownerReference to ${owner === "service" ? "Service" : "Configuration"} "other"`,
    ],
  })),
  ...["http-protocol", "httpProtocol"].map((name) => ({
    metadata: { annotations: { [`networking.knative.dev/${name}`]: "redirect" } },
    says: [
      `invalid value: redirect: ${A}[networking.knative.dev/${name}]`,
      'want "Enabled" or "Redirected"',
    ],
  })),
  ...["disable-external-domain-tls", "disable-auto-tls", "disableAutoTLS"].map((name) => ({
    metadata: { annotations: { [`networking.knative.dev/${name}`]: "yes" } },
    says: [`invalid value: yes: ${A}[networking.knative.dev/${name}]`, 'want "true" or "false"'],
  })),
  {
    metadata: { labels: { "networking.knative.dev/visibility": "cluster_local" } },
    says: [
      "invalid value: cluster_local: metadata.labels[networking.knative.dev/visibility]",
      'want "cluster-local", or no such label for what all may see',
    ],
  },
];

for (const { metadata, says } of REFUSED) {
  test(`the metadata of a Service is refused: ${says[0]}`, () => {
    assert.deepEqual(said(refusal(SERVICE, service({ metadata: { ...metadata } }))), says);
  });
}

test("metadata of a Service that is fine", () => {
  const ownerReferences = [{ apiVersion: "a/v1", kind: "Service", name: "hello", uid: "1" }];
  const labels = {
    "networking.knative.dev/visibility": "cluster-local",
    "serving.knative.dev/service": "hello",
  };
  for (const duration of ["0s", "380s", "10m"]) {
    admit(SERVICE, annotated({ [ROLLOUT]: duration, "client.knative.dev/user-image": "a" }));
  }
  for (const how of ["Redirected", "enabled"]) {
    admit(SERVICE, annotated({ "networking.knative.dev/httpProtocol": how }));
  }
  admit(ROUTE, {
    metadata: { name: "hello", labels, ownerReferences },
    spec: { traffic: [{ configurationName: "hello", percent: 100 }] },
  });
});

test("the rollout duration is found however it was spelled", () => {
  assert.equal(rolloutDurationOf({ [ROLLOUT]: "1s", [FORMERLY]: "2s" }), "1s");
  assert.equal(rolloutDurationOf({ [FORMERLY]: "2s" }), "2s");
  assert.equal(rolloutDurationOf(), undefined);
});
