import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ApiError,
  alreadyExists,
  brief,
  conflict,
  firstOf,
  forbidden,
  invalid,
  isReason,
  notFound,
  statusOf,
} from "./error.ts";
import { at, denied, notExactlyOne, outside, together, wrong } from "./violation.ts";

const SERVICE = { apiVersion: "serving.knative.dev/v1", kind: "Service", plural: "services" };
const POD = { apiVersion: "v1", kind: "Pod", plural: "pods" };

test("failures are told in Kubernetes' words, with their codes", () => {
  const told = [
    notFound(SERVICE, "a"),
    alreadyExists(POD, "a"),
    conflict(SERVICE, "a"),
    forbidden(POD, "a", "no"),
  ].map(({ message, status }) => [status.code, status.reason, message, status.details]);
  const service = { name: "a", group: "serving.knative.dev", kind: "services" };
  const pod = { name: "a", kind: "pods" };
  assert.deepEqual(told, [
    [404, "NotFound", 'services.serving.knative.dev "a" not found', service],
    [409, "AlreadyExists", 'pods "a" already exists', pod],
    [
      409,
      "Conflict",
      'Operation cannot be fulfilled on services.serving.knative.dev "a": the object has been ' +
        "modified; please apply your changes to the latest version and try again",
      service,
    ],
    [403, "Forbidden", 'pods "a" is forbidden: no', pod],
  ]);
});

test("what is invalid is told with all its causes", () => {
  const cause = { field: "spec.x", message: "Required value", reason: "FieldValueRequired" };
  const one = invalid(SERVICE, "a", [cause]);
  assert.equal(one.message, 'Service.serving.knative.dev "a" is invalid: spec.x: Required value');
  const two = invalid(POD, "a", [cause, { ...cause, field: "spec.y" }]);
  assert.equal(two.message, 'Pod "a" is invalid: [spec.x: Required value, spec.y: Required value]');
  assert.deepEqual(two.status.details?.causes, [cause, { ...cause, field: "spec.y" }]);
  assert.equal(two.status.code, 422);
});

test("the way out of what is invalid is told to clients that show the causes alone", () => {
  const cause = { field: "spec.x", message: "invalid value: *", reason: "FieldValueInvalid" };
  const { message, status } = invalid(POD, "a", [{ ...cause, details: "want a name" }]);
  assert.equal(message, 'Pod "a" is invalid: spec.x: invalid value: *: want a name');
  assert.deepEqual(status.details?.causes, [
    { ...cause, message: "invalid value: *: want a name" },
  ]);
});

test("a hundred things that are wrong are enough to be told", () => {
  const many = Array.from({ length: 250 }, (_, index) => wrong(`f${index}`, `m${index}`));
  for (const refused of [invalid(POD, "a", many), denied("a", many)]) {
    assert.equal(refused.status.details?.causes?.length, 100);
    assert.match(refused.message, /m99\b/);
    assert.doesNotMatch(refused.message, /m100\b/);
    assert.match(refused.message, /and 150 more/);
  }
  assert.deepEqual(firstOf([1, 2]), { shown: [1, 2], more: [] });
});

test("a denial says each thing once, with all its places and what more there is to say", () => {
  const refused = denied("a", [
    wrong("x", "same"),
    wrong("y", "other", "line one\nline two"),
    wrong("z", "same"),
    wrong("y2", "other", "elsewhere"),
  ]);
  assert.deepEqual(refused.message.split("\n"), [
    'admission webhook "validation.webhook.serving.knative.dev" denied the request: ' +
      "validation failed: same: x, z",
    "other: y",
    "line one",
    "line two",
    "other: y2",
    "elsewhere",
  ]);
  assert.equal(refused.status.code, 400);
  assert.deepEqual(refused.status.details?.causes?.[1], {
    field: "y",
    message: "other",
    reason: "FieldValueInvalid",
  });
});

test("what nobody expected is an internal error, and tells nothing", () => {
  const status = statusOf(new TypeError("a secret"));
  assert.equal(status.code, 500);
  assert.doesNotMatch(JSON.stringify(status), /secret/);
  const known = new ApiError("Expired", "too old", { cause: new Error("a secret") });
  assert.equal(statusOf(known), known.status);
  assert.equal(isReason(known, "Expired"), true);
  assert.equal(isReason(known, "Conflict"), false);
  assert.equal(isReason(new Error("x"), "Expired"), false);
  assert.doesNotMatch(JSON.stringify(known.status), /secret/);
});

test("paths are joined by dots, and brackets where a step is no name", () => {
  assert.equal(at("", "spec", "traffic", 1, "tag"), "spec.traffic[1].tag");
  assert.equal(at("a", "serving.knative.dev/x"), "a[serving.knative.dev/x]");
  assert.equal(at("a"), "a");
});

test("a range says what it is, and a choice what it takes", () => {
  assert.deepEqual(outside("f", undefined, { from: 0, to: 1 }), []);
  assert.deepEqual(outside("f", 1, { from: 0, to: 1 }), []);
  assert.equal(outside("f", 2, { from: 0, to: 1 })[0]?.message, "expected 0 <= 2 <= 1");
  const ways = ["a", "b", "c"];
  const told = (given: readonly string[]) =>
    notExactlyOne("p", { given, ways }).map(({ field, message }) => `${message}: ${field}`);
  assert.deepEqual(told(["a"]), []);
  assert.deepEqual(told([]), ["expected exactly one, got neither: p.a, p.b, p.c"]);
  assert.deepEqual(told(["c", "a"]), ["expected exactly one, got both: p.c, p.a"]);
});

test("of very many fields the first are told, and how many more there are", () => {
  const fields = Array.from({ length: 12 }, (_, index) => at("a", index));
  assert.equal(together(fields.slice(0, 2)), "a[0], a[1]");
  assert.match(together(fields), /^a\[0\], .*, a\[9\], and 2 more$/);
});

test("a value is told in brief", () => {
  assert.equal(brief("text"), "text");
  assert.equal(brief({ a: [1] }), '{"a":[1]}');
  assert.equal(brief(undefined), "null");
  assert.equal(brief("x".repeat(1000)), `${"x".repeat(200)}…`);
});
