import assert from "node:assert/strict";
import { test } from "node:test";
import { ROUTE } from "./route.ts";
import { SERVICE } from "./service.ts";
import { admit, type Parts, refusal, said, service } from "./test_admission.ts";

type Traffic = NonNullable<Parts["traffic"]>;

interface Case {
  readonly traffic: Traffic;
  readonly says: readonly string[];
}

const DNS_1035 =
  "a DNS-1035 label is lower-case letters, digits and '-', " +
  "begins with a letter and ends with a letter or digit";
const revisionName = "hello-1";
const all = { revisionName, percent: 100 };

/** Wrong in a Service and in a Route alike. */
const BOTH: readonly Case[] = [
  {
    traffic: [{ ...all, percent: 99 }],
    says: ["Traffic targets sum to 99, want 100: spec.traffic"],
  },
  { traffic: [{ revisionName }], says: ["Traffic targets sum to 0, want 100: spec.traffic"] },
  {
    traffic: [all, { ...all, percent: 1 }],
    says: ["Traffic targets sum to 101, want 100: spec.traffic"],
  },
  {
    traffic: [
      { ...all, percent: -1 },
      { ...all, percent: 101 },
    ],
    says: [
      "expected 0 <= -1 <= 100: spec.traffic[0].percent",
      "expected 0 <= 101 <= 100: spec.traffic[1].percent",
    ],
  },
  {
    traffic: [
      { ...all, tag: "t" },
      { revisionName, tag: "u" },
      { revisionName, tag: "t" },
    ],
    says: ['Multiple definitions for "t": spec.traffic[0].tag, spec.traffic[2].tag'],
  },
  ...["T", "1t", "a.b", "t-"].map((tag) => ({
    traffic: [{ ...all, tag }],
    says: [`not a DNS 1035 label: [${DNS_1035}, not "${tag}"]: spec.traffic[0].tag`],
  })),
  {
    traffic: [{ ...all, tag: "t".repeat(58) }],
    says: [
      `invalid value: ${"t".repeat(58)}: spec.traffic[0].tag`,
      `tag and name make the host label "${"t".repeat(58)}-hello" of 64 characters, ` +
        "and 63 is the most",
    ],
  },
  {
    traffic: [{ ...all, latestRevision: true }],
    says: [
      'may not set revisionName "hello-1" when latestRevision is true: ' +
        "spec.traffic[0].latestRevision",
    ],
  },
  {
    traffic: [{ ...all, url: "http://example.com" }],
    says: ["must not set the field(s): spec.traffic[0].url"],
  },
  {
    traffic: [{ ...all, revisionName: "Hello_1" }],
    says: ['invalid key name "Hello_1": spec.traffic[0].revisionName', DNS_1035],
  },
];

const OF_A_SERVICE: readonly Case[] = [
  {
    traffic: [{ configurationName: "hello", percent: 100 }],
    says: ["must not set the field(s): spec.traffic[0].configurationName"],
  },
  {
    traffic: [{ latestRevision: false, percent: 100 }],
    says: [
      'may not set revisionName "" when latestRevision is false: spec.traffic[0].latestRevision',
    ],
  },
];

const ONE = "spec.traffic[0].revisionName, spec.traffic[0].configurationName";

const OF_A_ROUTE: readonly Case[] = [
  { traffic: [], says: ["missing field(s): spec.traffic"] },
  { traffic: [{ percent: 100 }], says: [`expected exactly one, got neither: ${ONE}`] },
  {
    traffic: [{ ...all, configurationName: "hello" }],
    says: [`expected exactly one, got both: ${ONE}`],
  },
  {
    traffic: [{ configurationName: "A", percent: 100 }],
    says: ['invalid key name "A": spec.traffic[0].configurationName', DNS_1035],
  },
];

function route(traffic: Traffic): object {
  return { kind: "Route", metadata: { name: "hello" }, spec: { traffic } };
}

for (const { traffic, says } of [...BOTH, ...OF_A_SERVICE]) {
  test(`the traffic of a Service is refused: ${says[0]?.slice(0, 120)}`, () => {
    assert.deepEqual(said(refusal(SERVICE, service({ traffic }))), says);
  });
}

for (const { traffic, says } of [...BOTH, ...OF_A_ROUTE]) {
  test(`the traffic of a Route is refused: ${says[0]?.slice(0, 120)}`, () => {
    assert.deepEqual(said(refusal(ROUTE, route(traffic))), says);
  });
}

test("what adds up to a hundred is fine, with tags and without", () => {
  const traffic = [
    { revisionName: "hello-1", percent: 95, tag: "current" },
    { revisionName: "hello-2", percent: 5, tag: "candidate", latestRevision: false },
    { latestRevision: true, tag: "latest" },
    { percent: 0, tag: "t".repeat(57) },
  ];
  admit(SERVICE, service({ traffic }));
  const [first, second] = traffic;
  const tracked = { configurationName: "hello", percent: 0, tag: "x" };
  const { spec } = admit(ROUTE, route([first ?? {}, second ?? {}, tracked]));
  assert.deepEqual(spec.traffic, [
    { ...first, latestRevision: false },
    second,
    { ...tracked, latestRevision: true },
  ]);
});

test("a Revision may be named in several targets", () => {
  admit(
    SERVICE,
    service({
      traffic: [
        { ...all, tag: "a" },
        { ...all, percent: 0 },
      ],
    }),
  );
});

test("very much traffic is checked at once", () => {
  const traffic = Array.from({ length: 30_000 }, (_, index) => ({
    revisionName,
    tag: `t${index % 20_000}`,
  }));
  const refused = refusal(SERVICE, service({ traffic }));
  assert.match(refused.message, /Multiple definitions for "t0": spec.traffic\[0\].tag/);
  assert.equal(refused.status.details?.causes?.length, 100);
});
