/** What it costs to say whether a request may go on: for administrators, and for users by roles. */
import { defaultBindings, defaultRoles } from "../src/api/default_roles.ts";
import { checkAllowed } from "../src/server/access/access.ts";
import { attributesOf } from "../src/server/access/attributes.ts";
import { Rbac } from "../src/server/access/rbac.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { put } from "../test/support/api_server.ts";
import { claim, inTurn, rounded } from "./report.ts";

const CALLS = 100_000;
const ROUNDS = 5;
const OWNERS = 5000;

await using store = new MemoryStore();
for (const it of [...defaultRoles(), ...defaultBindings()]) await put(store, it);
const head = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding" };
const roleRef = { kind: "ClusterRole", name: "edit" };
for (let index = 0; index < OWNERS; index += 1) {
  const metadata = { name: "owner", namespace: `team-${index}` };
  const subjects = [{ kind: "User", name: `user-${index}` }];
  await put(store, { ...head, metadata, roleRef, subjects } as never);
}
using rbac = new Rbac(store);
const path = "/apis/serving.knative.dev/v1/namespaces/team-7/services/hello";
const request = { method: "PUT", path, query: new URLSearchParams("fieldManager=bench") };
const asked = attributesOf(request);
const admin = { user: "root", groups: ["system:masters", "system:authenticated"] };
const user = { user: "user-7", groups: ["dev", "system:authenticated"] };
const { reading, master, owner } = await inTurn(ROUNDS, {
  reading: async () => perCallUs(() => attributesOf(request)),
  master: async () => perCallUs(() => checkAllowed(rbac, admin, asked)),
  owner: async () => perCallUs(() => checkAllowed(rbac, user, asked)),
});
claim("access", `to read what a request asks for: ${rounded(reading)} µs of CPU`);
claim("access", `to let an administrator through: ${master.toFixed(3)} µs`);
claim("access", `to let one of ${OWNERS} owners of a namespace through: ${rounded(owner)} µs`);

function perCallUs(act: () => unknown): number {
  const start = process.cpuUsage();
  for (let times = 0; times < CALLS; times += 1) act();
  const { user: own, system } = process.cpuUsage(start);
  return (own + system) / CALLS;
}
