import assert from "node:assert/strict";
import { test } from "node:test";
import { attributesOf } from "./attributes.ts";

const SERVING = { apiGroup: "serving.knative.dev", apiVersion: "v1" };
const CORE = { apiGroup: "", apiVersion: "v1" };
const HOME = "/apis/serving.knative.dev/v1/namespaces/team";

for (const { request, asks } of [
  {
    request: `GET ${HOME}/services`,
    asks: { verb: "list", ...SERVING, namespace: "team", resource: "services" },
  },
  {
    request: `GET ${HOME}/services?watch=true`,
    asks: { verb: "watch", ...SERVING, namespace: "team", resource: "services" },
  },
  {
    request: `GET ${HOME}/services?fieldSelector=metadata.name%3Dhello&watch=1`,
    asks: { verb: "watch", ...SERVING, namespace: "team", resource: "services", name: "hello" },
  },
  {
    request: `GET ${HOME}/services/hello`,
    asks: { verb: "get", ...SERVING, namespace: "team", resource: "services", name: "hello" },
  },
  {
    request: `PUT ${HOME}/services/hello/status`,
    asks: {
      ...{ verb: "update", ...SERVING, namespace: "team", resource: "services", name: "hello" },
      subresource: "status",
    },
  },
  {
    request: `DELETE ${HOME}/services`,
    asks: { verb: "deletecollection", ...SERVING, namespace: "team", resource: "services" },
  },
  {
    request: "GET /apis/serving.knative.dev/v1/services",
    asks: { verb: "list", ...SERVING, resource: "services" },
  },
  {
    request: "GET /api/v1/namespaces/team",
    asks: { verb: "get", ...CORE, namespace: "team", resource: "namespaces", name: "team" },
  },
  {
    request: "PUT /api/v1/namespaces/team/finalize",
    asks: {
      ...{ verb: "update", ...CORE, namespace: "team", resource: "namespaces", name: "team" },
      subresource: "finalize",
    },
  },
  { request: "GET /api/v1/namespaces", asks: { verb: "list", ...CORE, resource: "namespaces" } },
  {
    request: "GET /api/v1/namespaces/team/pods/a/log?follow=true",
    asks: {
      ...{ verb: "get", ...CORE, namespace: "team", resource: "pods", name: "a" },
      subresource: "log",
    },
  },
  {
    request: "PATCH /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax",
    asks: {
      ...{ verb: "patch", apiGroup: "rbac.authorization.k8s.io", apiVersion: "v1" },
      ...{ resource: "clusterroles", name: "system:x" },
    },
  },
  { request: "GET /apis/serving.knative.dev/v1", asks: { verb: "get" } },
  { request: "GET /api", asks: { verb: "get" } },
  { request: "POST /v1/projects", asks: { verb: "post" } },
]) {
  test(`${request} asks for what Kubernetes takes it for`, () => {
    const [method = "", url = ""] = request.split(" ");
    const { pathname: path, searchParams: query } = new URL(`http://x${url}`);
    assert.deepEqual(attributesOf({ method, path, query }), { path, ...asks });
  });
}
