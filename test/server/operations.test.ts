import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NAMESPACE } from "../../src/api/namespace.ts";
import { CLUSTER_ROLE, IMPORTER } from "../../src/api/role.ts";
import { ROLE_BINDING } from "../../src/api/role_binding.ts";
import { put, TestServer } from "../support/api_server.ts";

// Who may do what to which kind (spec/elafros §3.1), over the wire, with real roles.

const BASE = "/apis/serving.knative.dev/v1/namespaces/default";
const RBAC = "rbac.authorization.k8s.io";
const USERS = {
  dev: { user: "dev", groups: ["developers"] },
  ida: { user: "ida", groups: [] },
};

let server: TestServer;
before(async () => {
  server = await TestServer.start({ users: USERS });
  const { store } = server;
  const { apiVersion, kind } = NAMESPACE;
  await put(store, { apiVersion, kind, metadata: { name: "default" } });
  const role = { apiVersion: CLUSTER_ROLE.apiVersion, kind: "ClusterRole" };
  const apiGroups = ["serving.knative.dev"];
  const rules = [
    { apiGroups, resources: ["services"], verbs: ["get", "list", "create", "update", "delete"] },
    { apiGroups, resources: ["configurations", "routes", "revisions"], verbs: ["get", "list"] },
  ];
  await put(store, { ...role, metadata: { name: "developer" }, rules } as Parameters<
    typeof put
  >[1]);
  await bind("developer", "dev");
  await bind(IMPORTER, "ida");
});
after(() => server[Symbol.asyncDispose]());

async function bind(role: string, user: string): Promise<void> {
  const draft = {
    ...{ apiVersion: ROLE_BINDING.apiVersion, kind: "RoleBinding" },
    metadata: { name: user, namespace: "default" },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: RBAC, kind: "User", name: user }],
  };
  await put(server.store, draft as Parameters<typeof put>[1]);
}

interface Said {
  readonly token?: string;
  readonly body?: object;
}

async function ask(words: string, { token = "dev", body }: Said = {}) {
  const [method = "", path = ""] = words.split(" ");
  const sent = { method, token, ...(body && { body: JSON.stringify(body) }) };
  const { code, body: said } = await server.ask(`${BASE}/${path}`, sent);
  return { code, said };
}

const TEMPLATE = { spec: { containers: [{ image: "example.com/hello:1" }] } };

function bodyOf(kind: string, name: string, spec: object = { template: TEMPLATE }) {
  return { apiVersion: "serving.knative.dev/v1", kind, metadata: { name }, spec };
}

test("§3.1: a developer's role is enough for all that a Service needs", async () => {
  const made = await ask("POST services", { body: bodyOf("Service", "mine") });
  const { metadata } = made.said as { readonly metadata: object };
  const spec = { template: { spec: { containers: [{ image: "example.com/hello:2" }] } } };
  const body = { ...bodyOf("Service", "mine", spec), metadata };
  const codes = [made.code];
  for (const words of ["GET services/mine", "GET services"]) codes.push((await ask(words)).code);
  codes.push((await ask("PUT services/mine", { body })).code);
  codes.push((await ask("DELETE services/mine")).code);
  assert.deepEqual(codes, [201, 200, 200, 200, 200]);
  for (const plural of ["configurations", "routes", "revisions"]) {
    assert.equal((await ask(`GET ${plural}`)).code, 200);
    assert.equal((await ask(`DELETE ${plural}/x`)).code, 403, "what no rule allows is refused");
  }
});

test("§3.1: Routes and Configurations can be made, replaced and deleted, as a group", async () => {
  const traffic = [{ configurationName: "own", percent: 100 }];
  for (const [plural, kind, spec] of [
    ["configurations", "Configuration", { template: TEMPLATE }],
    ["routes", "Route", { traffic }],
  ] as const) {
    const token = "admin";
    const made = await ask(`POST ${plural}`, { token, body: bodyOf(kind, "own", spec) });
    const replaced = await ask(`PUT ${plural}/own`, { token, body: made.said });
    const deleted = await ask(`DELETE ${plural}/own`, { token });
    assert.deepEqual([made.code, replaced.code, deleted.code], [201, 200, 200]);
  }
});

const REVISION = bodyOf("Revision", "hello-00001", TEMPLATE.spec);

test("§3.1, L12: nobody makes a Revision by hand, not the administrator either", async () => {
  for (const [token, why] of [
    ["dev", /User "dev" cannot create resource "revisions"/],
    ["admin", /Revisions come from changes of/],
  ] as const) {
    const { code, said } = await ask("POST revisions", { token, body: REVISION });
    assert.deepEqual([code, said["reason"]], [403, "Forbidden"]);
    assert.match(String(said["message"]), why);
  }
});

test("O-5: who imports a Service may make its Revisions, and change them no more", async () => {
  const made = await ask("POST revisions", { token: "ida", body: REVISION });
  assert.equal(made.code, 201, JSON.stringify(made.said));
  const { metadata, spec } = made.said as { metadata: object; spec: object };
  const body = { ...REVISION, metadata, spec: { ...spec, timeoutSeconds: 60 } };
  const changed = await ask("PUT revisions/hello-00001", { token: "admin", body });
  assert.equal(changed.code, 400);
  assert.match(String(changed.said["message"]), /Immutable fields changed \(-old \+new\): spec/);
  assert.equal((await ask("DELETE revisions/hello-00001", { token: "admin" })).code, 200);
});
