import assert from "node:assert/strict";
import { test } from "node:test";
import { isReason } from "./error.ts";
import { matches, matchesLabels, readFieldSelector, readLabelSelector } from "./selector.ts";

interface Case {
  readonly text: string;
  readonly yes: readonly Readonly<Record<string, string>>[];
  readonly no: readonly Readonly<Record<string, string>>[];
}

const a = { a: "1" };
const b = { b: "1" };

const LABELS: readonly Case[] = [
  { text: "", yes: [{}, a], no: [] },
  { text: "  ", yes: [{}, a], no: [] },
  { text: "a=1", yes: [a, { ...a, ...b }], no: [{}, b, { a: "" }, { a: "2" }] },
  { text: "a==1", yes: [a], no: [{}, { a: "2" }] },
  { text: " a = 1 , b\t!= 2 ", yes: [a, { ...a, ...b }], no: [{}, { ...a, b: "2" }] },
  { text: "a!=1", yes: [{}, b, { a: "2" }], no: [a] },
  { text: "a=", yes: [{ a: "" }], no: [{}, a] },
  { text: "a!=,b", yes: [b, { ...a, ...b }], no: [{ a: "", b: "1" }, {}] },
  { text: "a", yes: [a, { a: "" }], no: [{}, b] },
  { text: "!a", yes: [{}, b], no: [a, { a: "" }] },
  { text: "! a,b", yes: [b], no: [{}, { ...a, ...b }] },
  { text: "a in (1,2)", yes: [a, { a: "2" }], no: [{}, { a: "3" }] },
  { text: "a in ( 1 , 2 ),b", yes: [{ a: "2", b: "" }], no: [a, b] },
  { text: "a in(1)", yes: [a], no: [{ a: "2" }] },
  { text: "a notin (1,2)", yes: [{}, b, { a: "3" }], no: [a, { a: "2" }] },
  { text: "a in ()", yes: [{ a: "" }], no: [{}, a] },
  { text: "a in (,1)", yes: [{ a: "" }, a], no: [{}, { a: "2" }] },
  { text: "a in (1,)", yes: [{ a: "" }, a], no: [{}, { a: "2" }] },
  { text: "a notin (,,)", yes: [{}, a], no: [{ a: "" }] },
  { text: "in in (in,notin)", yes: [{ in: "in" }, { in: "notin" }], no: [{}, a] },
  { text: "notin,in", yes: [{ in: "", notin: "" }], no: [{ in: "" }] },
  { text: "a=in", yes: [{ a: "in" }], no: [a] },
  { text: "a>5", yes: [{ a: "6" }, { a: "+10" }], no: [{}, { a: "5" }, { a: "x" }, { a: "" }] },
  {
    text: "a < 3",
    yes: [{ a: "2" }, { a: "-3" }],
    no: [{}, { a: "3" }, { a: "0x1" }, { a: "1.5" }],
  },
  { text: "a>100000000000000000", yes: [{ a: "100000000000000001" }], no: [{ a: "9" }] },
  { text: "x.y/z=a_b.c-d", yes: [{ "x.y/z": "a_b.c-d" }], no: [{}] },
  { text: "constructor", yes: [{ constructor: "x" }], no: [{}, a] },
  { text: "!toString", yes: [{}, a], no: [{ toString: "" }] },
  { text: "a=1,a=2", yes: [], no: [a, { a: "2" }] },
];

for (const { text, yes, no } of LABELS) {
  test(`the label selector "${text}" selects what it says`, () => {
    const selector = readLabelSelector(text);
    for (const labels of yes) assert(matchesLabels(selector, labels), JSON.stringify(labels));
    for (const labels of no) assert(!matchesLabels(selector, labels), JSON.stringify(labels));
  });
}

test("a selector takes what has no labels for having none", () => {
  assert(matchesLabels(readLabelSelector("!a")));
  assert(!matchesLabels(readLabelSelector("a")));
});

const WORD = "must be letters, digits, '-', '_' and '.', and begin and end with a letter or digit";

const BAD_LABELS: readonly (readonly [string, string])[] = [
  [",", 'found ",", expected a word'],
  ["a,", "found the end, expected a word"],
  [",a", 'found ",", expected a word'],
  ["a,,b", 'found ",", expected a word'],
  ["=1", 'found "=", expected a word'],
  ["a b", 'found "b", expected =, ==, !=, in, notin, <, > or ,'],
  ["a=1 2", 'found "2", expected ,'],
  ["a===1", 'found "=", expected a word'],
  ["a=!b", 'found "!", expected a word'],
  ["!a=b", 'found "=", expected ,'],
  ["!", "found the end, expected a word"],
  ["!!a", 'found "!", expected a word'],
  ["a in 1", 'found "1", expected ('],
  ["a in", "found the end, expected ("],
  ["a in (1", "found the end, expected )"],
  ["a in (1 2)", 'found "2", expected )'],
  ["a in ((1))", 'found "(", expected a word'],
  ["a in (1))", 'found ")", expected ,'],
  ["a notin (b=c)", 'found "=", expected )'],
  ["(a)", 'found "(", expected a word'],
  ["a>", "found the end, expected a word"],
  ["a>x", '"x" must be a whole number'],
  ["a>1.5", '"1.5" must be a whole number'],
  ['a="1"', `""1"": ${WORD}`],
  ["a='x'", `"'x'": ${WORD}`],
  ["a=x/y", `"x/y": ${WORD}`],
  ["a < -1", `"-1": ${WORD}`],
  ["-a=1", `"-a": ${WORD}`],
  ["a/b/c", "\"a/b/c\": a key has at most one '/'"],
  ["A.b/c", `"A.b/c": what stands before the '/' of a key must be a lowercase RFC 1123 subdomain`],
];

for (const [text, why] of BAD_LABELS) {
  test(`the label selector "${text}" is refused`, () => {
    const message = `unable to parse label selector "${text}": ${why}`;
    assert.throws(
      () => readLabelSelector(text),
      (thrown) => isReason(thrown, "BadRequest") && thrown.message === message,
      message,
    );
  });
}

const KNOWN = ["metadata.name", "status.phase"];

const FIELDS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["", ["x", ""], []],
  ["metadata.name=x", ["x"], ["", "y"]],
  ["metadata.name==x", ["x"], ["", "=x"]],
  ["metadata.name!=x", ["y", ""], ["x"]],
  ["metadata.name=", [""], ["x"]],
  [",metadata.name=x,", ["x"], ["y"]],
  ["metadata.name=a\\,b", ["a,b"], ["a"]],
  ["metadata.name=a\\=b\\\\", ["a=b\\"], ["a"]],
  ["metadata.name= x", [" x"], ["x"]],
  ["metadata.name!=x,metadata.name!=y", ["z"], ["x", "y"]],
];

for (const [text, yes, no] of FIELDS) {
  test(`the field selector "${text}" selects what it says`, () => {
    const selector = readFieldSelector(text, KNOWN);
    for (const name of yes)
      assert(
        matches(selector, () => name),
        name,
      );
    for (const name of no) assert(!matches(selector, () => name), name);
  });
}

const ESCAPES = "in a value, write \\\\ for \\, \\, for a comma and \\= for =";

const BAD_FIELDS: readonly (readonly [string, string])[] = [
  ["metadata.name", "want field=value"],
  ["!metadata.name", "want field=value"],
  ["metadata.name in (x)", "want field=value"],
  ["=x", "field label not supported: ; there are metadata.name, status.phase"],
  ["spec.x=y", "field label not supported: spec.x; there are metadata.name, status.phase"],
  ["metadata.name=a=b", ESCAPES],
  ["metadata.name=a\\b", ESCAPES],
  ["metadata.name=a\\", "want field=value"],
];

for (const [text, why] of BAD_FIELDS) {
  test(`the field selector "${text}" is refused`, () => {
    assert.throws(
      () => readFieldSelector(text, KNOWN),
      (thrown) =>
        isReason(thrown, "BadRequest") &&
        thrown.message === `unable to parse field selector "${text}": ${why}`,
    );
  });
}

test("long selectors are read or refused at once", () => {
  const long = 200_000;
  for (const text of [",", "(", "!", "a", " ", "a,", "a(", "a=", "\\"].map((it) =>
    it.repeat(long),
  )) {
    for (const read of [() => readLabelSelector(text), () => readFieldSelector(text, KNOWN)]) {
      try {
        read();
      } catch (thrown) {
        assert(isReason(thrown, "BadRequest"));
        assert(thrown.message.length < 1000, "its text is cut");
      }
    }
  }
});
