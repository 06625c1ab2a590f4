import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_MAP } from "./config_map.ts";
import type { DraftMeta } from "./meta.ts";
import { checkMeta } from "./meta_check.ts";
import { SERVICE } from "./service.ts";

const DNS_1035 =
  "a DNS-1035 label is lower-case letters, digits and '-', " +
  "begins with a letter and ends with a letter or digit";
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or " +
  "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex " +
  "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?" +
  "(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const WORD = "must be letters, digits, '-', '_' and '.', and begin and end with a letter or digit";

const owner = { apiVersion: "v1", kind: "A", name: "a", uid: "1" };

interface Case {
  readonly metadata: DraftMeta;
  readonly says: string;
}

const OF_A_SERVICE: readonly Case[] = [
  { metadata: {}, says: "metadata.name: name or generateName is required" },
  { metadata: { name: "" }, says: "metadata.name: name or generateName is required" },
  {
    metadata: { name: "Hello" },
    says: `metadata.name: not a DNS 1035 label: [${DNS_1035}, not "Hello"]`,
  },
  {
    metadata: { name: "a.b" },
    says: `metadata.name: not a DNS 1035 label: [${DNS_1035}, not "a.b"]`,
  },
  {
    metadata: { name: "a".repeat(64) },
    says:
      "metadata.name: not a DNS 1035 label: [must be no more than 63 characters, has 64, " +
      `not "${"a".repeat(64)}"]`,
  },
  {
    metadata: { generateName: "1-" },
    says: `metadata.generateName: not a DNS 1035 label prefix: [${DNS_1035}, not "1-"]`,
  },
  {
    metadata: { generateName: "1-", name: "1-x7k2p" },
    says: `metadata.generateName: not a DNS 1035 label prefix: [${DNS_1035}, not "1-"]`,
  },
];

const OF_A_CONFIG_MAP: readonly Case[] = [
  { metadata: {}, says: "metadata.name: name or generateName is required" },
  {
    metadata: { name: "a_b" },
    says: `metadata.name: Invalid value: "a_b": ${SUBDOMAIN}`,
  },
  {
    metadata: { generateName: "A-" },
    says: `metadata.generateName: Invalid value: "A-": ${SUBDOMAIN}`,
  },
  {
    metadata: { name: "a", labels: { "a b": "c" } },
    says: `metadata.labels: Invalid value: "a b": ${WORD}`,
  },
  {
    metadata: { name: "a", labels: { "x.y/a": "b c" } },
    says: `metadata.labels[x.y/a]: Invalid value: "b c": ${WORD}`,
  },
  {
    metadata: { name: "a", annotations: { "a/b/c": "" } },
    says: `metadata.annotations: Invalid value: "a/b/c": a key has at most one '/'`,
  },
  {
    metadata: { name: "a", annotations: { a: "ä".repeat(128 * 1024) } },
    says: "metadata.annotations: Too long: may not be more than 262144 bytes, has 262145",
  },
  {
    metadata: { name: "a", finalizers: ["x.y/z", "a b"] },
    says: `metadata.finalizers[1]: Invalid value: "a b": ${WORD}`,
  },
  {
    metadata: { name: "a", ownerReferences: [{ ...owner, uid: "" }] },
    says: "metadata.ownerReferences[0].uid: Required value",
  },
  {
    metadata: {
      name: "a",
      ownerReferences: [
        { ...owner, controller: true },
        { ...owner, uid: "2", name: "b", controller: true },
      ],
    },
    says:
      "metadata.ownerReferences: Only one reference can have Controller set to true, " +
      "these have: A/a and A/b",
  },
];

for (const [kind, cases] of [
  [SERVICE, OF_A_SERVICE],
  [CONFIG_MAP, OF_A_CONFIG_MAP],
] as const) {
  for (const { metadata, says } of cases) {
    test(`${kind.kind}: ${says.slice(0, 90)}`, () => {
      const told = checkMeta(kind, metadata).map(({ field, message }) => `${field}: ${message}`);
      assert.deepEqual(told, [says]);
    });
  }
}

test("metadata that is right stays right", () => {
  const right: readonly DraftMeta[] = [
    { name: "hello" },
    { generateName: "hello-" },
    { generateName: "hello-", name: "hello-x7k2p" },
    {
      name: "a",
      labels: { "a.b/c": "", d: "1.2_3" },
      annotations: { "a.b/c": "any thing\n{}", d: "x".repeat(256 * 1024 - 18) },
      finalizers: ["foregroundDeletion", "varve.dev/pod"],
      ownerReferences: [
        { ...owner, controller: true },
        { ...owner, uid: "2" },
      ],
    },
  ];
  for (const metadata of right) assert.deepEqual(checkMeta(SERVICE, metadata), []);
  assert.deepEqual(checkMeta(CONFIG_MAP, { name: "kube-root-ca.crt" }), []);
});
