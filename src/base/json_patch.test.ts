import assert from "node:assert/strict";
import { test } from "node:test";
import { applyJsonPatch } from "./json_patch.ts";

interface Case {
  readonly title: string;
  readonly document: unknown;
  readonly patch: unknown;
  readonly result: unknown;
}

const APPLIED: readonly Case[] = [
  {
    title: "add makes a field, and replaces one that is there",
    document: { a: 1 },
    patch: [
      { op: "add", path: "/b", value: { c: [] } },
      { op: "add", path: "/a", value: null },
      { op: "add", path: "/b/c/0", value: 1 },
    ],
    result: { a: null, b: { c: [1] } },
  },
  {
    title: "add inserts into a list, at the end by its length or by a dash",
    document: [1, 2],
    patch: [
      { op: "add", path: "/0", value: 0 },
      { op: "add", path: "/3", value: 3 },
      { op: "add", path: "/-", value: 4 },
    ],
    result: [0, 1, 2, 3, 4],
  },
  {
    title: "remove takes away a field, and closes the gap in a list",
    document: { a: 1, b: [1, 2, 3] },
    patch: [
      { op: "remove", path: "/a" },
      { op: "remove", path: "/b/1" },
    ],
    result: { b: [1, 3] },
  },
  {
    title: "replace changes what is there, the whole as well",
    document: { a: 1 },
    patch: [
      { op: "replace", path: "", value: { a: [1] } },
      { op: "replace", path: "/a/0", value: 2 },
    ],
    result: { a: [2] },
  },
  {
    title: "move and copy take from elsewhere",
    document: { a: { b: [1] } },
    patch: [
      { op: "copy", from: "/a/b", path: "/c" },
      { op: "move", from: "/a", path: "/d" },
      { op: "add", path: "/c/-", value: 2 },
    ],
    result: { c: [1, 2], d: { b: [1] } },
  },
  {
    title: "what is moved to where it is stays there",
    document: { a: [1] },
    patch: [{ op: "move", from: "/a/0", path: "/a/0" }],
    result: { a: [1] },
  },
  {
    title: "test compares deeply, whatever the order of fields",
    document: { a: { b: 1, c: [null] } },
    patch: [{ op: "test", path: "/a", value: { c: [null], b: 1 } }],
    result: { a: { b: 1, c: [null] } },
  },
  {
    title: "slashes and tildes in names are escaped",
    document: { "a/b": 1, "m~n": 2, "~1": 3 },
    patch: [
      { op: "remove", path: "/a~1b" },
      { op: "remove", path: "/m~0n" },
      { op: "remove", path: "/~01" },
    ],
    result: {},
  },
  {
    title: "an empty name is a name",
    document: { "": 1 },
    patch: [{ op: "replace", path: "/", value: 2 }],
    result: { "": 2 },
  },
  { title: "no operation changes nothing", document: { a: 1 }, patch: [], result: { a: 1 } },
];

for (const { title, document, patch, result } of APPLIED) {
  test(`JSON Patch: ${title}`, () => {
    const before = structuredClone({ document, patch });
    assert.deepEqual(applyJsonPatch(document, patch), result);
    assert.deepEqual({ document, patch }, before, "document and patch stay as they were");
  });
}

const VERBS = "op must be one of add, remove, replace, move, copy, test";
const POINTER = 'must be a JSON pointer, such as "/spec/traffic/0"';
const DOCUMENT = { a: { b: [1, 2] }, s: "text" };

const REFUSED: readonly { readonly patch: unknown; readonly message: string }[] = [
  { patch: {}, message: "a JSON Patch is a list of operations" },
  { patch: null, message: "a JSON Patch is a list of operations" },
  {
    patch: Array.from({ length: 10_001 }, () => ({ op: "test", path: "/s", value: "text" })),
    message: "a JSON Patch has at most 10000 operations, this 10001",
  },
  { patch: [null], message: "operation 0: it is no object" },
  { patch: [[]], message: "operation 0: it is no object" },
  ...[{}, { op: 1, path: "" }].map((operation) => ({
    patch: [operation],
    message: `operation 0: ${VERBS}`,
  })),
  { patch: [{ op: "toString", path: "" }], message: `operation 0 (toString ""): ${VERBS}` },
  ...[undefined, 1].map((path) => ({
    patch: [{ op: "remove", path }],
    message: `operation 0: path ${POINTER}`,
  })),
  ...["a", "/a~", "/~2"].map((path) => ({
    patch: [{ op: "remove", path }],
    message: `operation 0 (remove "${path}"): path ${POINTER}`,
  })),
  {
    patch: [{ op: "copy", path: "/x" }],
    message: `operation 0 (copy "/x"): from ${POINTER}`,
  },
  ...["add", "replace", "test"].map((op) => ({
    patch: [{ op, path: "/s" }],
    message: `operation 0 (${op} "/s"): it must have a value`,
  })),
  {
    patch: [{ op: "add", path: "/x/y", value: 1 }],
    message: 'operation 0 (add "/x/y"): there is nothing at "/x"',
  },
  {
    patch: [{ op: "add", path: "/s/y", value: 1 }],
    message: 'operation 0 (add "/s/y"): there is no object or list at "/s"',
  },
  ...["remove", "replace"].map((op) => ({
    patch: [
      { op: "test", path: "/s", value: "text" },
      { op, path: "/a/x", value: 1 },
    ],
    message: `operation 1 (${op} "/a/x"): there is nothing at "/a/x"`,
  })),
  {
    patch: [{ op: "remove", path: "" }],
    message: 'operation 0 (remove ""): the whole cannot be removed',
  },
  ...["3", "-1", "01", "1.0", "1e0", "x", " 1"].map((place) => ({
    patch: [{ op: "add", path: `/a/b/${place}`, value: 1 }],
    message: `operation 0 (add "/a/b/${place}"): "${place}" is no place in a list of 2`,
  })),
  ...["2", "-"].map((place) => ({
    patch: [{ op: "remove", path: `/a/b/${place}` }],
    message: `operation 0 (remove "/a/b/${place}"): "${place}" is no place in a list of 2`,
  })),
  {
    patch: [{ op: "move", from: "/a", path: "/a/b/0" }],
    message: 'operation 0 (move "/a/b/0"): what is moved cannot go inside of itself',
  },
  {
    patch: [{ op: "move", from: "/x", path: "/y" }],
    message: 'operation 0 (move "/y"): there is nothing at "/x"',
  },
  {
    patch: [{ op: "test", path: "/s", value: "TEXT" }],
    message: 'operation 0 (test "/s"): the value there is another',
  },
  {
    patch: [{ op: "test", path: "/x", value: null }],
    message: 'operation 0 (test "/x"): there is nothing at "/x"',
  },
  {
    patch: [{ op: "remove", path: "/constructor" }],
    message: 'operation 0 (remove "/constructor"): there is nothing at "/constructor"',
  },
];

for (const [index, { patch, message }] of REFUSED.entries()) {
  test(`JSON Patch ${index}: ${message}`, () => {
    const before = structuredClone(DOCUMENT);
    assert.throws(() => applyJsonPatch(DOCUMENT, patch), { message });
    assert.deepEqual(DOCUMENT, before);
  });
}

test("a JSON Patch reaches no prototype", () => {
  const patch = [{ op: "add", path: "/__proto__", value: { isAdmin: true } }];
  const patched = applyJsonPatch({}, patch) as Readonly<Record<string, unknown>>;
  assert.equal(patched["isAdmin"], undefined);
  assert.equal(Object.hasOwn(patched, "__proto__"), true);
  const deeper = [{ op: "add", path: "/__proto__/isAdmin", value: true }];
  assert.throws(() => applyJsonPatch({}, deeper), /there is nothing at "\/__proto__"/);
});

test("a JSON Patch that doubles its copies is stopped", () => {
  const copies = Array.from({ length: 64 }, (_, index) => ({
    op: "copy",
    from: "/a",
    path: `/a/x${index}`,
  }));
  const patch = [{ op: "add", path: "/a", value: { seed: "x".repeat(1000) } }, ...copies];
  assert.throws(() => applyJsonPatch({}, patch), /may copy at most 3145728 bytes in all/);
});

test("what a JSON Patch copies is counted together", () => {
  const document = { a: "x".repeat(1_000_000) };
  const copies = ["b", "c", "d", "e"].map((key) => ({ op: "copy", from: "/a", path: `/${key}` }));
  assert.equal(Object.keys(applyJsonPatch(document, copies.slice(0, 3)) as object).length, 4);
  assert.throws(() => applyJsonPatch(document, copies), /^Error: operation 3 .* at most 3145728/);
});

test("no value of a JSON Patch, or of what it changes, is in its error", () => {
  const operations = ["add", "replace", "test", "remove", "move", "copy"].flatMap((op) => [
    { op, path: "/data/none/at/all", from: "/none", value: "open sesame" },
    { op, path: "/data/word", from: "/data/word/x", value: { "open sesame": 1 } },
  ]);
  const refused = operations.flatMap((operation) => {
    try {
      applyJsonPatch({ data: { word: "open sesame" } }, [operation]);
      return [];
    } catch (thrown) {
      return [String(thrown)];
    }
  });
  assert(refused.length > 8);
  assert.deepEqual(
    refused.filter((it) => it.includes("sesame")),
    [],
  );
});
