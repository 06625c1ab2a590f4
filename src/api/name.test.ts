import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { seededChance } from "../base/chance.ts";
import {
  childName,
  generatedName,
  type NameRule,
  whyBadKey,
  whyBadLabelValue,
  whyBadName,
  whyBadPrefix,
} from "./name.ts";

const long = (length: number) => "a".repeat(length);

interface Rules {
  readonly good: readonly string[];
  readonly bad: readonly string[];
}

const NAMES: Readonly<Record<NameRule, Rules>> = {
  dns1035: {
    good: ["a", "hello", "hello-1", "a--b", "x9", long(63)],
    bad: ["", "1a", "-a", "a-", "A", "a.b", "a_b", "ä", "a b", "a\n", long(64)],
  },
  label: {
    good: ["a", "1a", "0", "a-1", long(63)],
    bad: ["", "-a", "a-", "A", "a.b", "a_b", "a/b", long(64)],
  },
  subdomain: {
    good: ["a", "1a", "a.b", "a-b.c-d.0", `${long(63)}.${long(63)}`, long(253)],
    bad: ["", ".", "a.", ".a", "a..b", "a.-b", "A.b", "a_b", "a\n", long(254)],
  },
  path: {
    good: ["a", "system:node", "A b", "a.b", "...", "ä", long(253)],
    bad: ["", ".", "..", "a/b", "a%2f", "a\n", long(254)],
  },
};

for (const [rule, { good, bad }] of Object.entries(NAMES)) {
  test(`names of the rule ${rule} are told from others`, () => {
    for (const name of good) assert.equal(whyBadName(rule as NameRule, name), undefined, name);
    for (const name of bad) assert.match(whyBadName(rule as NameRule, name) ?? "", /\w{4}/, name);
  });
}

test("the rules say what they ask for", () => {
  assert.equal(
    whyBadName("dns1035", "1a"),
    "a DNS-1035 label is lower-case letters, digits and '-', " +
      "begins with a letter and ends with a letter or digit",
  );
  assert.equal(
    whyBadName("label", "A"),
    "a DNS-1123 label is lower-case letters, digits and '-', " +
      "and begins and ends with a letter or digit",
  );
  assert.equal(
    whyBadName("subdomain", "A"),
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or " +
      "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex " +
      "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?" +
      "(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  );
  assert.equal(whyBadName("label", long(64)), "must be no more than 63 characters, has 64");
});

test("a prefix of generated names may end where a name may not", () => {
  for (const good of ["a", "a-", "hello-", long(63), `${long(57)}-`]) {
    assert.equal(whyBadPrefix("dns1035", good), undefined, good);
  }
  for (const bad of ["1-", "-", "A-", "a.b-", "a_"]) {
    assert.notEqual(whyBadPrefix("dns1035", bad), undefined, bad);
  }
  assert.equal(whyBadPrefix("subdomain", "a."), undefined);
  assert.notEqual(whyBadPrefix("subdomain", "a.."), undefined);
});

test("a generated name is cut so that its end fits in 63 characters", () => {
  assert.equal(generatedName("hello-", "x7k2p"), "hello-x7k2p");
  assert.equal(generatedName(long(80), "x7k2p"), `${long(58)}x7k2p`);
});

test("a child is named after its parent, by a hash of it where it is too long", () => {
  assert.equal(childName("hello", "-00001"), "hello-00001");
  assert.equal(childName(long(57), "-00001"), `${long(57)}-00001`);
  const parent = `${long(57)}b`;
  const hash = createHash("md5").update(parent).digest("hex");
  assert.equal(childName(parent, "-00001"), `${long(31 - 6)}${hash}-00001`);
});

test("names of children always fit, are names, and differ", () => {
  const chance = seededChance(11);
  const names = new Set<string>();
  let count = 0;
  for (let parents = 0; parents < 40; parents += 1) {
    const parent = `p${chance.suffix(Math.floor(chance.fraction() * 62))}`;
    for (const length of [0, 1, 6, 30, 31, 32, 62, 63, 80]) {
      const name = childName(parent, `-${chance.suffix(length)}x`);
      assert.equal(whyBadName("dns1035", name), undefined, name);
      names.add(name);
      count += 1;
    }
  }
  assert.equal(names.size, count);
  assert.equal(whyBadName("dns1035", childName("a".repeat(63), "-".repeat(62))), undefined);
});

test("keys of labels and annotations are a word, with a domain before it or not", () => {
  for (const good of ["a", "A_b.c-1", "x/y", "serving.knative.dev/Route_1", `a.b/${long(63)}`]) {
    assert.equal(whyBadKey(good), undefined, good);
  }
  const bad = ["", "/", "a/", "/a", "a/b/c", "-a", "a-", "a b", "A.b/c", "a..b/c", "ä"];
  for (const key of [...bad, long(64), `${long(254)}/a`]) {
    assert.notEqual(whyBadKey(key), undefined, key);
  }
});

test("values of labels are a word or nothing", () => {
  for (const good of ["", "a", "1.2_3-x", long(63)])
    assert.equal(whyBadLabelValue(good), undefined);
  for (const bad of ["a b", "a/b", "-a", "a.", "ä", "a\n", long(64)]) {
    assert.notEqual(whyBadLabelValue(bad), undefined, bad);
  }
});
