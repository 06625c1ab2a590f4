import type { Resource, TypeMeta } from "../../api/meta.ts";
import { CLUSTER_ROLE, ROLE, type Role } from "../../api/role.ts";
import {
  CLUSTER_ROLE_BINDING,
  ROLE_BINDING,
  type RoleBinding,
  type Subject,
} from "../../api/role_binding.ts";
import { EVERYTHING, type PolicyRule } from "../../api/rule.ts";
import { userOfAccount } from "../../api/service_account.ts";
import type { Change, Store } from "../../store/store.ts";
import { type Caller, isMaster } from "../context.ts";
import type { Access, Decision, HeldRules } from "./access.ts";
import type { Attributes } from "./attributes.ts";
import { allows } from "./rules.ts";

type Bindings = Map<string, Map<string, RoleBinding>>;

/**
 * Kubernetes' role-based access: everything is forbidden but what some rule of a role allows that
 * is bound to the caller or to one of their groups. Bindings are indexed by whom they bind, so
 * what others were granted costs nothing.
 */
export class Rbac implements Access, Disposable {
  readonly #store: Store;
  readonly #watch: Disposable;
  readonly #everywhere: Bindings = new Map();
  readonly #inNamespace = new Map<string, Bindings>();

  constructor(store: Store) {
    this.#store = store;
    for (const kind of [CLUSTER_ROLE_BINDING, ROLE_BINDING]) {
      for (const binding of store.list(kind)) this.#add(binding);
    }
    this.#watch = store.watch(store.revision, (change) => this.#onChange(change));
  }

  decide(caller: Caller, asked: Attributes): Decision {
    if (isMaster(caller)) return { isAllowed: true, reason: "" };
    const problems: string[] = [];
    for (const binding of this.#of(caller, asked.namespace)) {
      const role = this.#roleOf(binding);
      if (role === undefined) problems.push(missing(binding));
      if (role?.rules?.some((rule) => allows(rule, asked))) {
        return { isAllowed: true, reason: reasonOf(binding, caller) };
      }
    }
    const reason = problems.length === 0 ? "" : `RBAC: ${told(problems)}`;
    return { isAllowed: false, reason };
  }

  rulesOf(caller: Caller, namespace?: string): HeldRules {
    const rules: PolicyRule[] = isMaster(caller) ? [...EVERYTHING] : [];
    const problems: string[] = [];
    for (const binding of this.#of(caller, namespace)) {
      const role = this.#roleOf(binding);
      if (role === undefined) problems.push(missing(binding));
      rules.push(...(role?.rules ?? []));
    }
    return { rules, problems };
  }

  hasRole(caller: Caller, name: string, namespace?: string): boolean {
    for (const { roleRef } of this.#of(caller, namespace)) {
      if (roleRef.kind === CLUSTER_ROLE.kind && roleRef.name === name) return true;
    }
    return false;
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  /** Those everywhere first. */
  *#of({ user, groups }: Caller, namespace: string | undefined): Iterable<RoleBinding> {
    const local = namespace === undefined ? undefined : this.#inNamespace.get(namespace);
    for (const bindings of local === undefined ? [this.#everywhere] : [this.#everywhere, local]) {
      yield* bindings.get(`User/${user}`)?.values() ?? [];
      for (const group of groups) yield* bindings.get(`Group/${group}`)?.values() ?? [];
    }
  }

  #roleOf({ roleRef, metadata }: RoleBinding): Role | undefined {
    const { name } = roleRef;
    if (roleRef.kind === CLUSTER_ROLE.kind) return this.#store.get(CLUSTER_ROLE, { name });
    return this.#store.get(ROLE, { name, namespace: metadata.namespace });
  }

  #onChange({ type, resource, previous }: Change): void {
    if (!isBinding(resource)) return;
    if (previous !== undefined) this.#remove(previous as RoleBinding);
    if (type === "put") this.#add(resource);
  }

  #add(binding: RoleBinding): void {
    const { namespace } = binding.metadata;
    const bindings = namespace === undefined ? this.#everywhere : this.#local(namespace);
    for (const key of keysOf(binding)) {
      const own = bindings.get(key) ?? new Map<string, RoleBinding>();
      bindings.set(key, own.set(binding.metadata.name, binding));
    }
  }

  #remove(binding: RoleBinding): void {
    const { namespace, name } = binding.metadata;
    const bindings = namespace === undefined ? this.#everywhere : this.#local(namespace);
    for (const key of keysOf(binding)) {
      const own = bindings.get(key);
      own?.delete(name);
      if (own?.size === 0) bindings.delete(key);
    }
    if (namespace !== undefined && bindings.size === 0) this.#inNamespace.delete(namespace);
  }

  #local(namespace: string): Bindings {
    const known = this.#inNamespace.get(namespace);
    if (known !== undefined) return known;
    const made: Bindings = new Map();
    this.#inNamespace.set(namespace, made);
    return made;
  }
}

function isBinding(resource: Resource): resource is RoleBinding {
  return isOf(resource, CLUSTER_ROLE_BINDING) || isOf(resource, ROLE_BINDING);
}

function isOf({ apiVersion, kind }: TypeMeta, type: TypeMeta): boolean {
  return apiVersion === type.apiVersion && kind === type.kind;
}

/** Whom it binds: a service account is a user of a certain name. */
function keysOf({ subjects = [] }: RoleBinding): readonly string[] {
  return subjects.map(keyOf);
}

function keyOf({ kind, name, namespace }: Subject): string {
  return kind === "ServiceAccount"
    ? `User/${userOfAccount({ namespace, name })}`
    : `${kind}/${name}`;
}

function missing({ roleRef: { kind, name } }: RoleBinding): string {
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;
}

function told(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? "") : `[${problems.join(", ")}]`;
}

function reasonOf({ kind, metadata, roleRef, subjects = [] }: RoleBinding, caller: Caller): string {
  const { name, namespace } = metadata;
  const path = namespace === undefined ? name : `${name}/${namespace}`;
  const subject = subjects.find((it) => isAbout(it, caller));
  const who = subject === undefined ? "" : ` to ${subject.kind} ${JSON.stringify(nameOf(subject))}`;
  const role = `${roleRef.kind} ${JSON.stringify(roleRef.name)}`;
  return `RBAC: allowed by ${kind} ${JSON.stringify(path)} of ${role}${who}`;
}

function isAbout(subject: Subject, { user, groups }: Caller): boolean {
  const key = keyOf(subject);
  return key === `User/${user}` || groups.some((group) => key === `Group/${group}`);
}

function nameOf({ name, namespace }: Subject): string {
  return namespace === undefined ? name : `${name}/${namespace}`;
}
