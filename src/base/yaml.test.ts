import assert from "node:assert/strict";
import { test } from "node:test";
import { readAllYaml, readYaml, writeYaml } from "./yaml.ts";

test("YAML reads as the JSON it stands for, whatever its tags say", () => {
  const text = [
    "image: nginx:1.25",
    "port: 8080",
    "on: yes",
    "when: 2026-01-01",
    "bytes: !!binary aGVsbG8=",
    "own: !thing x",
    "1: one",
    "empty:",
    "list: [a, 'b', \"c\"]",
  ].join("\n");
  assert.deepEqual(readYaml(text), {
    image: "nginx:1.25",
    port: 8080,
    on: "yes",
    when: "2026-01-01",
    bytes: "aGVsbG8=",
    own: "x",
    "1": "one",
    empty: null,
    list: ["a", "b", "c"],
  });
});

test("JSON is YAML", () => {
  assert.deepEqual(readYaml('{"a": [1, null, {"b": "\\u00e9"}]}'), { a: [1, null, { b: "é" }] });
});

test("maps are merged with <<, as Kubernetes' tools do", () => {
  const text = "base: &base {a: 1, b: 1}\nmade: {<<: *base, b: 2}";
  assert.deepEqual(readYaml(text), { base: { a: 1, b: 1 }, made: { a: 1, b: 2 } });
});

test("a stream of documents is read without the empty ones", () => {
  assert.deepEqual(readAllYaml("---\na: 1\n---\n# nothing\n---\nb: 2\n---\n"), [
    { a: 1 },
    { b: 2 },
  ]);
  assert.deepEqual(readAllYaml(""), []);
});

test("a value is written so that it reads the same, without folding long lines", () => {
  const value = { text: "word ".repeat(60).trim(), on: "yes", port: "8080", list: [{ a: 1 }] };
  assert.deepEqual(readYaml(writeYaml(value)), value);
  assert.equal(writeYaml({ text: value.text }).trim().split("\n").length, 1);
});

const BROKEN: readonly { readonly text: string; readonly message: string }[] = [
  { text: "word: 'secret\nb: 1", message: "Missing closing 'quote at line 2, column 5" },
  { text: "a: 1\nb: {c: 1,\n  c: secret}", message: "Map keys must be unique at line 3, column 3" },
  {
    text: "a: *secret",
    message: "Unresolved alias (the anchor must be set before the alias)",
  },
  {
    text: "a: &a [secret, *a]",
    message: "An alias cannot stand for what it is in at line 1, column 16",
  },
  {
    text: "? [a]\n: secret",
    message: "With stringKeys, all keys must be strings at line 1, column 3",
  },
  {
    text: "a: secret\n---\nb: 1",
    message: "There may be one document only, another begins at line 2, column 1",
  },
  {
    text: `a: &a 1\nb: [${"*a,".repeat(201)}]`,
    message: "There may be at most 200 aliases at line 2, column 605",
  },
];

for (const { text, message } of BROKEN) {
  test(`YAML that cannot be read says where: ${message}`, () => {
    assert.throws(() => readYaml(text), { message });
    if (!message.includes("one document")) assert.throws(() => readAllYaml(text), { message });
  });
}

test("no error about YAML repeats what stands there", () => {
  const texts = [
    ...["a: b: sesame", 'a: "sesame\\q"', "- a\nsesame", "{a: sesame]", "a: sesame\n b: c"],
    ...["@sesame", "a: `sesame", "a: |sesame\n x", "&a &sesame b", "a: 'b' sesame", '"sesame'],
    ...["? sesame : :", "a:\n\t- sesame", "}sesame", "a: *sesame", "sesame: 1\nsesame: 2"],
  ];
  for (const text of texts) {
    assert.throws(
      () => readYaml(text),
      (thrown) => thrown instanceof Error && !thrown.message.includes("sesame"),
      text,
    );
  }
});

test("hostile YAML is read or refused at once", () => {
  const tens = (name: string, of: string) => `${name}: &${name} [${`${of},`.repeat(10)}]\n`;
  const bomb = ["b", "c", "d", "e"].map((name, index) => tens(name, `*${"abcd"[index]}`)).join("");
  const refused = ["[".repeat(100_000), `a: &a 1\n${bomb}`, `[${"&a 1,*a,".repeat(10_000)}]`];
  for (const text of refused) assert.throws(() => readYaml(text), Error);
  const keys = Array.from({ length: 10_000 }, (_, index) => `k${index}: 1`).join("\n");
  assert.equal(Object.keys(readYaml(keys) as object).length, 10_000);
});
