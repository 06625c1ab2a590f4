import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyRule } from "../../api/rule.ts";
import { allows, missingFrom, ruleText } from "./rules.ts";

const SERVICES: PolicyRule = {
  verbs: ["get", "list"],
  apiGroups: ["serving.knative.dev"],
  resources: ["services"],
};

const about = (text: string) => {
  const [verb = "", whole = "", name] = text.split(" ");
  if (whole.startsWith("/")) return { verb, path: whole };
  const [resource = "", subresource] = whole.split("/");
  const apiGroup = "serving.knative.dev";
  const more = { ...(subresource && { subresource }), ...(name && { name }) };
  return { verb, path: "", apiGroup, resource, ...more };
};

for (const { title, rule, may, mayNot } of [
  {
    title: "names verbs and a resource",
    rule: SERVICES,
    may: ["get services a", "list services"],
    mayNot: ["delete services a", "get routes a", "get services/status a", "get /services", "* *"],
  },
  {
    title: "names a subresource alone",
    rule: { ...SERVICES, resources: ["services/status"] },
    may: ["get services/status a"],
    mayNot: ["get services a", "get services/scale a"],
  },
  {
    title: "has all resources, and so all subresources",
    rule: { ...SERVICES, resources: ["*"], verbs: ["*"] },
    may: ["get services a", "patch services/status a", "* *"],
    mayNot: ["get /healthz"],
  },
  {
    title: "has one subresource of every resource",
    rule: { ...SERVICES, resources: ["*/scale"] },
    may: ["get services/scale a", "get revisions/scale a"],
    mayNot: ["get services a", "get services/status a"],
  },
  {
    title: "has another group",
    rule: { ...SERVICES, apiGroups: [""] },
    may: [],
    mayNot: ["get services a"],
  },
  {
    title: "has all groups",
    rule: { ...SERVICES, apiGroups: ["*"] },
    may: ["get services a"],
    mayNot: ["get routes a"],
  },
  {
    title: "names which one",
    rule: { ...SERVICES, resourceNames: ["a"] },
    may: ["get services a", "list services a"],
    mayNot: ["get services b", "list services"],
  },
  {
    title: "is about paths",
    rule: { verbs: ["get"], nonResourceURLs: ["/version", "/openapi/*"] },
    may: ["get /version", "get /openapi/v3"],
    mayNot: ["get /versions", "get /openapi", "post /version", "get services a"],
  },
  {
    title: "is about all paths",
    rule: { verbs: ["*"], nonResourceURLs: ["*"] },
    may: ["get /anything"],
    mayNot: ["get services a"],
  },
]) {
  test(`a rule that ${title} allows that and nothing else`, () => {
    assert.deepEqual(
      [...may, ...mayNot].filter((it) => allows(rule, about(it))),
      may,
    );
  });
}

for (const { title, held, wanted, missing } of [
  { title: "the same", held: [SERVICES], wanted: SERVICES, missing: [] },
  {
    title: "one verb more",
    held: [SERVICES],
    wanted: { ...SERVICES, verbs: ["get", "delete"] },
    missing: [{ ...SERVICES, verbs: ["delete"] }],
  },
  {
    title: "what several rules allow together",
    held: [SERVICES, { ...SERVICES, verbs: ["delete"], resources: ["*"] }],
    wanted: { ...SERVICES, verbs: ["get", "delete"] },
    missing: [],
  },
  {
    title: "all names where one is held",
    held: [{ ...SERVICES, resourceNames: ["a"] }],
    wanted: { ...SERVICES, verbs: ["get"] },
    missing: [{ ...SERVICES, verbs: ["get"] }],
  },
  {
    title: "a name where all are held",
    held: [SERVICES],
    wanted: { ...SERVICES, resourceNames: ["a"] },
    missing: [],
  },
  {
    title: "all resources where one is held",
    held: [SERVICES],
    wanted: { ...SERVICES, verbs: ["get"], resources: ["*"] },
    missing: [{ ...SERVICES, verbs: ["get"], resources: ["*"] }],
  },
  {
    title: "a subresource where those of all are held",
    held: [{ ...SERVICES, resources: ["*/scale"] }],
    wanted: { ...SERVICES, resources: ["services/scale"] },
    missing: [],
  },
  {
    title: "a subresource where only the resource is held",
    held: [SERVICES],
    wanted: { ...SERVICES, verbs: ["get"], resources: ["services/status"] },
    missing: [{ ...SERVICES, verbs: ["get"], resources: ["services/status"] }],
  },
  {
    title: "paths below those that are held",
    held: [{ verbs: ["get"], nonResourceURLs: ["/api/*"] }],
    wanted: { verbs: ["get"], nonResourceURLs: ["/api/v1", "/metrics"] },
    missing: [{ verbs: ["get"], nonResourceURLs: ["/metrics"] }],
  },
]) {
  test(`whoever grants ${title} lacks ${missing.length === 0 ? "nothing" : "just that"}`, () => {
    assert.deepEqual(missingFrom(held, [wanted]), missing);
  });
}

test("a role of a million pieces is refused at once to whoever lacks some", () => {
  const words = Array.from({ length: 100 }, (_, index) => `w${index}`);
  const huge = { verbs: words, apiGroups: words, resources: words };
  const held = [{ verbs: ["*"], apiGroups: words.slice(1), resources: ["*"] }];
  assert.deepEqual(missingFrom(held, [huge]), [huge]);
  assert.deepEqual(missingFrom([{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }], [huge]), []);
});

test("a rule is told in the words that users of kubectl know", () => {
  const text = '{APIGroups:[""], Resources:["pods" "pods/log"], Verbs:["get"]}';
  assert.equal(
    ruleText({ verbs: ["get"], apiGroups: [""], resources: ["pods", "pods/log"] }),
    text,
  );
});
