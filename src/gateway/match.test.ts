import assert from "node:assert/strict";
import { test } from "node:test";
import type { Match } from "../api/traffic_policy_schema.ts";
import type { Asked } from "./course.ts";
import { HostMap } from "./host_map.ts";
import { claimOf, cookieOf, isClaimed, matches, rewritten } from "./match.ts";

const CASES: readonly {
  readonly title: string;
  readonly match: Match;
  readonly yes: readonly Partial<Asked>[];
  readonly no: readonly Partial<Asked>[];
}[] = [
  {
    title: "a path prefix is whole elements of the path",
    match: { pathPrefix: "/api" },
    yes: [{ target: "/api" }, { target: "/api?x" }, { target: "/api/v1" }],
    no: [{ target: "/apix" }, { target: "/ap" }, { target: "/x/api" }, { target: "*" }],
  },
  {
    title: "a prefix that ends in a slash is what is below it",
    match: { pathPrefix: "/api/" },
    yes: [{ target: "/api/" }, { target: "/api/v1" }],
    no: [{ target: "/api" }],
  },
  {
    title: "a path is all of it, without the query",
    match: { path: "/health" },
    yes: [{ target: "/health" }, { target: "/health?deep" }],
    no: [{ target: "/health/" }, { target: "/health/x" }],
  },
  {
    title: "a method is one of those named",
    match: { methods: ["PUT", "POST"] },
    yes: [{ method: "PUT" }],
    no: [{ method: "put" }, { method: "GET" }],
  },
  {
    title: "a header is one of a list of people",
    match: { headers: [{ name: "x-user", oneOf: ["ann", "bob"] }] },
    yes: [asking({ "x-user": "bob" })],
    no: [asking({ "x-user": "eve" }), asking({})],
  },
  {
    title: "a header must be there, or must not",
    match: { headers: [{ name: "x-a" }, { name: "x-b", present: false }] },
    yes: [asking({ "x-a": "" })],
    no: [asking({}), asking({ "x-a": "1", "x-b": "" })],
  },
  {
    title: "a cookie among others",
    match: { cookies: [{ name: "beta", exact: "yes" }] },
    yes: [asking({ cookie: "a=1; beta=yes;c=2" })],
    no: [asking({ cookie: "xbeta=yes" }), asking({ cookie: "beta=no" }), asking({})],
  },
  {
    title: "a parameter of the query, decoded",
    match: { query: [{ name: "v", prefix: "2." }] },
    yes: [{ target: "/x?a=1&v=2%2E1" }],
    no: [{ target: "/x?v=1" }, { target: "/x" }],
  },
];

for (const { title, match, yes, no } of CASES) {
  test(`a rule matches: ${title}`, () => {
    const answers = (list: readonly Partial<Asked>[]) => {
      return list.map((it) => matches(match, askedFor(it), undefined));
    };
    assert.deepEqual(
      answers(yes),
      yes.map(() => true),
    );
    assert.deepEqual(
      answers(no),
      no.map(() => false),
    );
  });
}

test("claims count only when a policy has checked the token, and may be inside of others", () => {
  const match: Match = { claims: [{ name: "org.id", exact: "7" }] };
  assert.equal(matches(match, askedFor({}), { org: { id: 7 } }), true);
  assert.equal(matches(match, askedFor({}), { "org.id": "7" }), true);
  assert.equal(matches(match, askedFor({}), undefined), false);
  assert.equal(claimOf({}, "constructor.name"), undefined);
  assert.equal(claimOf({ org: { id: "a" } }, "org"), undefined);
});

test("a cookie without a value is empty, and one that is not there is absent", () => {
  const asked = askedFor(asking({ cookie: "a=; b; c=1=2" }));
  assert.deepEqual(
    ["a", "b", "c", "d"].map((name) => cookieOf(asked, name)),
    ["", undefined, "1=2", undefined],
  );
});

test("of a claim that is a list one will do, and a header has all of them", () => {
  const claims = { groups: ["dev", "ops", { no: 1 }], none: [], org: { roles: [7] } };
  const holds = (match: object) => isClaimed({ name: "groups", ...match }, claims);
  assert.deepEqual(
    [
      { exact: "ops" },
      { oneOf: ["a", "dev"] },
      { prefix: "d" },
      {},
      { name: "org.roles", exact: "7" },
    ].map(holds),
    [true, true, true, true, true],
  );
  assert.deepEqual(
    [{ exact: "dev, ops" }, { present: false }, { name: "none" }, { name: "x" }].map(holds),
    [false, false, false, false],
  );
  assert.equal(holds({ name: "none", present: false }), true);
  assert.deepEqual([claimOf(claims, "groups"), claimOf(claims, "none")], ["dev, ops", undefined]);
});

test("another prefix takes the place of the one that matched, with one slash between", () => {
  assert.deepEqual(
    [
      rewritten("/api/v1?x=1", "/api", "/"),
      rewritten("/api", "/api", "/"),
      rewritten("/api?x", "/api", "/new"),
      rewritten("/api/", "/api", "/new"),
      rewritten("/api/x", "/api/", "/"),
      rewritten("/api/x", "/api/", "/new"),
      rewritten("/x?y=1", "/", "/new"),
      rewritten("/", "/", "/new/"),
    ],
    ["/v1?x=1", "/", "/new?x", "/new/", "/x", "/new/x", "/new/x?y=1", "/new/"],
  );
});

test("an exact host comes before a wildcard, and a longer wildcard before a shorter", () => {
  const hosts = new HostMap<string>();
  for (const name of ["a.example.com", "*.example.com", "*.b.example.com"]) hosts.set(name, name);
  const found = (host: string) => hosts.get(host);
  assert.deepEqual(["a.example.com", "x.example.com", "x.y.example.com"].map(found), [
    "a.example.com",
    "*.example.com",
    "*.example.com",
  ]);
  assert.deepEqual(["x.b.example.com", "b.example.com", "example.com", "com"].map(found), [
    "*.b.example.com",
    "*.example.com",
    undefined,
    undefined,
  ]);
  hosts.delete("*.example.com");
  assert.deepEqual([found("x.example.com"), hosts.names().length], [undefined, 2]);
});

function asking(headers: Readonly<Record<string, string>>): Partial<Asked> {
  return { header: (name) => headers[name] };
}

function askedFor(part: Partial<Asked>): Asked {
  const plain = { method: "GET", target: "/", host: "a.localhost", peer: "127.0.0.1" };
  return { ...plain, isTls: false, bodyBytes: 0, header: () => undefined, ...part };
}
