import assert from "node:assert/strict";
import { test } from "node:test";
import { put } from "../../../test/support/api_server.ts";
import { defaultBindings, defaultRoles } from "../../api/default_roles.ts";
import { groupOf } from "../../api/group.ts";
import { KINDS } from "../../api/kinds.ts";
import { MemoryStore } from "../../store/memory.ts";
import { MASTERS } from "../context.ts";
import { checkAllowed } from "./access.ts";
import { Rbac } from "./rbac.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
const VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

const by = (user: string, ...groups: string[]) => ({ user, groups });
const pods = (verb: string, namespace?: string) => ({
  ...{ verb, path: "", apiGroup: "", resource: "pods" },
  ...(namespace !== undefined && { namespace }),
});

interface Bound {
  readonly name?: string;
  readonly namespace?: string;
  readonly role?: string;
  readonly kind?: string;
  readonly subjects: readonly object[];
}

async function bind(store: MemoryStore, bound: Bound): Promise<void> {
  const { name = "b", namespace, role = "view", kind = "ClusterRole", subjects } = bound;
  const type = namespace === undefined ? "ClusterRoleBinding" : "RoleBinding";
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  const roleRef = { kind, name: role };
  await put(store, { apiVersion: RBAC, kind: type, metadata, roleRef, subjects } as never);
}

async function world() {
  const store = new MemoryStore();
  for (const it of [...defaultRoles(), ...defaultBindings()]) await put(store, it);
  return { store, access: new Rbac(store) };
}

const ALICE = { kind: "User", name: "alice" };

for (const { title, bound, may, mayNot } of [
  {
    title: "a user in one namespace",
    bound: { namespace: "a", subjects: [ALICE] },
    may: [[by("alice"), pods("list", "a")]],
    mayNot: [
      [by("alice"), pods("list", "b")],
      [by("alice"), pods("list")],
      [by("alice"), pods("create", "a")],
      [by("bob"), pods("list", "a")],
      [by("bob", "alice"), pods("list", "a")],
    ],
  },
  {
    title: "a user everywhere",
    bound: { subjects: [ALICE] },
    may: [
      [by("alice"), pods("list", "a")],
      [by("alice"), pods("list")],
    ],
    mayNot: [[by("bob"), pods("list")]],
  },
  {
    title: "a group",
    bound: { subjects: [{ kind: "Group", name: "dev" }] },
    may: [[by("x", "ops", "dev"), pods("get", "a")]],
    mayNot: [
      [by("dev"), pods("get", "a")],
      [by("x", "developers"), pods("get", "a")],
    ],
  },
  {
    title: "a ServiceAccount",
    bound: { subjects: [{ kind: "ServiceAccount", name: "ci", namespace: "a" }] },
    may: [[by("system:serviceaccount:a:ci"), pods("get", "b")]],
    mayNot: [
      [by("system:serviceaccount:b:ci"), pods("get", "b")],
      [by("ci"), pods("get", "b")],
    ],
  },
  {
    title: "all ServiceAccounts of a namespace",
    bound: { subjects: [{ kind: "Group", name: "system:serviceaccounts:a" }] },
    may: [[by("system:serviceaccount:a:x", "system:serviceaccounts:a"), pods("get", "b")]],
    mayNot: [[by("system:serviceaccount:b:x", "system:serviceaccounts:b"), pods("get", "b")]],
  },
] as const) {
  test(`a role bound to ${title} is held by them and nobody else`, async () => {
    const { store, access } = await world();
    await bind(store, bound);
    const allowed = (
      list: readonly (readonly [ReturnType<typeof by>, ReturnType<typeof pods>])[],
    ) => list.filter(([caller, asked]) => access.decide(caller, asked).isAllowed);
    assert.deepEqual([allowed(may), allowed(mayNot)], [may, []]);
  });
}

test("what a binding gives ends with it, with its role, and with a change of either", async () => {
  const { store, access } = await world();
  const may = () => access.decide(by("alice"), pods("list", "a"));
  await bind(store, { namespace: "a", kind: "Role", role: "r", subjects: [ALICE] });
  const missing = 'RBAC: role.rbac.authorization.k8s.io "r" not found';
  assert.deepEqual(may(), { isAllowed: false, reason: missing });
  const role = { apiVersion: RBAC, kind: "Role", metadata: { name: "r", namespace: "a" } };
  const rules = [{ verbs: ["list"], apiGroups: [""], resources: ["pods"] }];
  await put(store, { ...role, rules } as never);
  const reason = 'RBAC: allowed by RoleBinding "b/a" of Role "r" to User "alice"';
  assert.deepEqual(may(), { isAllowed: true, reason });
  await put(store, { ...role, rules: [] } as never);
  assert.equal(may().isAllowed, false);
  await put(store, { ...role, rules } as never);
  await bind(store, { namespace: "a", kind: "Role", role: "r", subjects: [] });
  assert.equal(may().isAllowed, false);
  await bind(store, { namespace: "a", kind: "Role", role: "r", subjects: [ALICE] });
  assert.equal(may().isAllowed, true);
  const stored = { apiVersion: RBAC, kind: "RoleBinding", metadata: { name: "b", namespace: "a" } };
  await store.delete(stored as never, { expected: "any" });
  assert.equal(may().isAllowed, false);
});

test("a start finds the bindings of before", async () => {
  const { store } = await world();
  await bind(store, { namespace: "a", subjects: [ALICE] });
  assert.equal(new Rbac(store).decide(by("alice"), pods("list", "a")).isAllowed, true);
});

/** Each kind, each verb, its status and its scale: in one's own namespace and in another's. */
function* matrix() {
  for (const { apiVersion, plural, isNamespaced, hasStatus } of KINDS) {
    for (const verb of VERBS) {
      for (const subresource of hasStatus ? [undefined, "status", "scale"] : [undefined]) {
        const head = { verb, path: "", apiGroup: groupOf(apiVersion), resource: plural };
        yield { isNamespaced, asked: { ...head, ...(subresource && { subresource }) } };
      }
    }
  }
}

for (const role of ["view", "edit", "admin"]) {
  test(`who has ${role} in a namespace may do nothing with what is in another`, async () => {
    const { store, access } = await world();
    await bind(store, { namespace: "mine", role, subjects: [ALICE] });
    const alice = by("alice", "system:authenticated");
    let own = 0;
    for (const { isNamespaced, asked } of matrix()) {
      if (access.decide(alice, { ...asked, namespace: "mine" }).isAllowed && isNamespaced) own += 1;
      const theirs = access.decide(alice, { ...asked, namespace: "theirs" });
      const everywhere = access.decide(alice, asked);
      assert.deepEqual([theirs.isAllowed, everywhere.isAllowed], [false, false], asked.resource);
    }
    assert(own > 20, `${own} things may be done with one's own`);
  });
}

test("who may view sees no Secret and no right, and changes nothing", async () => {
  const { store, access } = await world();
  await bind(store, { subjects: [ALICE] });
  for (const { asked } of matrix()) {
    const isOpen = !["secrets", "roles", "rolebindings"].includes(asked.resource);
    const isRead = ["get", "list", "watch"].includes(asked.verb);
    const { isAllowed } = access.decide(by("alice"), asked);
    assert(!isAllowed || (isOpen && isRead), `${asked.verb} ${asked.resource}`);
  }
});

test("administrators are let through without a look at any binding", () => {
  const nobody = { decide: assert.fail, rulesOf: assert.fail, hasRole: assert.fail };
  checkAllowed(nobody, by("root", MASTERS), pods("delete"));
  assert.throws(
    () => checkAllowed(undefined, by("bob"), pods("delete")),
    /User "bob" cannot delete/,
  );
});
