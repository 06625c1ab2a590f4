import assert from "node:assert/strict";
import { test } from "node:test";
import { BadPath, Routes } from "./routes.ts";

const PATHS = [
  "/healthz",
  "/api/v1/namespaces/:name",
  "/api/v1/namespaces/:namespace/configmaps",
  "/api/v1/namespaces/:namespace/configmaps/:name",
  "/api/v1/namespaces/default/special",
];

function found(path: string, method = "GET"): unknown {
  const routes = new Routes();
  for (const one of PATHS) {
    routes.add("GET", one, { handler: () => ({ code: 200, body: one }), isStreamed: false });
  }
  const { route, params } = routes.find(method, path) ?? {};
  return route && { ...params, path: (route.handler({} as never) as { body: unknown }).body };
}

for (const { title, path, is } of [
  { title: "of fixed steps", path: "/healthz", is: { path: PATHS[0] } },
  { title: "with a name", path: "/api/v1/namespaces/a", is: { name: "a", path: PATHS[1] } },
  {
    title: "with two names",
    path: "/api/v1/namespaces/a/configmaps/b",
    is: { namespace: "a", name: "b", path: PATHS[3] },
  },
  {
    title: "that begins as another of fixed steps does",
    path: "/api/v1/namespaces/default/configmaps",
    is: { namespace: "default", path: PATHS[2] },
  },
  {
    title: "of fixed steps alone",
    path: "/api/v1/namespaces/default/special",
    is: { path: PATHS[4] },
  },
  {
    title: "with steps that are encoded",
    path: "/api/v1/name%73paces/a%2Fb%C3%A9/configmaps",
    is: { namespace: "a/b\u00e9", path: PATHS[2] },
  },
  {
    title: "with an empty name",
    path: "/api/v1/namespaces//configmaps",
    is: { namespace: "", path: PATHS[2] },
  },
  { title: "with a slash too many", path: "/healthz/", is: undefined },
  { title: "that ends too early", path: "/api/v1", is: undefined },
  { title: "that goes on", path: "/api/v1/namespaces/a/b/c/d/e", is: undefined },
  { title: "that is none", path: "*", is: undefined },
]) {
  test(`a path ${title} is ${is === undefined ? "not found" : "found"}`, () => {
    assert.deepEqual(found(path), is);
  });
}

test("a path is found for its method alone, and for HEAD where it is for GET", () => {
  assert.equal(found("/healthz", "POST"), undefined);
  assert.deepEqual(found("/healthz", "HEAD"), found("/healthz"));
});

test("a step that cannot be decoded, or is too long, is told", () => {
  assert.throws(() => found("/api/%zz"), new BadPath('"%zz" is not a valid url component'));
  const long = `/api/v1/namespaces/${"a".repeat(1025)}`;
  assert.throws(() => found(long), new BadPath('"name" has more than 1024 characters'));
});
