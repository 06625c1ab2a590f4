import { isDeepStrictEqual } from "node:util";
import { forbidden } from "../../api/error.ts";
import { groupOf } from "../../api/group.ts";
import type { Kind } from "../../api/kind.ts";
import type { Draft, Resource } from "../../api/meta.ts";
import { CLUSTER_ROLE, type ClusterRole, ROLE } from "../../api/role.ts";
import { CLUSTER_ROLE_BINDING, ROLE_BINDING, type RoleBinding } from "../../api/role_binding.ts";
import { EVERYTHING, type PolicyRule } from "../../api/rule.ts";
import type { Store } from "../../store/store.ts";
import { type Caller, isMaster } from "../context.ts";
import type { Access } from "./access.ts";
import { missingFrom, quotedList, ruleText } from "./rules.ts";

export interface Granting {
  readonly kind: Kind;
  readonly draft: Draft<Resource>;
  readonly stored: Resource | undefined;
  readonly caller: Caller;
  readonly store: Store;
  readonly access: Access;
}

/**
 * Throws `Forbidden` when a role or a binding would give what its writer does not have: by rules
 * of their own making they could otherwise get anything.
 */
export function checkEscalation(granting: Granting): void {
  const { kind, caller } = granting;
  if (isMaster(caller)) return;
  if (kind.kind === ROLE.kind || kind.kind === CLUSTER_ROLE.kind) checkRole(granting);
  if (kind.kind === ROLE_BINDING.kind || kind.kind === CLUSTER_ROLE_BINDING.kind) {
    checkBinding(granting);
  }
}

function checkRole(granting: Granting): void {
  const { kind, draft, stored } = granting;
  const { rules = [], aggregationRule } = draft as Draft<ClusterRole>;
  const before = stored as ClusterRole | undefined;
  const isSame =
    isDeepStrictEqual(before?.rules ?? [], rules) &&
    isDeepStrictEqual(before?.aggregationRule, aggregationRule);
  if (before !== undefined && isSame) return;
  if (mayOnRole(granting, "escalate", { kind: kind.kind, name: draft.metadata.name ?? "" })) return;
  if (aggregationRule !== undefined && lacking(granting, EVERYTHING).length > 0) {
    const why = "must have cluster-admin privileges to use an aggregationRule";
    throw forbidden(kind, draft.metadata.name ?? "", why);
  }
  checkHolds(granting, rules);
}

function checkBinding(granting: Granting): void {
  const { kind, draft, store } = granting;
  const { roleRef } = draft as Draft<RoleBinding>;
  const { kind: roleKind, name } = roleRef;
  if (mayOnRole(granting, "bind", { kind: roleKind, name })) return;
  const { namespace } = draft.metadata;
  const role =
    roleKind === CLUSTER_ROLE.kind
      ? store.get(CLUSTER_ROLE, { name })
      : store.get(ROLE, { name, namespace });
  if (role !== undefined) {
    checkHolds(granting, role.rules ?? []);
    return;
  }
  // What is not there yet may come to be anything.
  const plural = roleKind === CLUSTER_ROLE.kind ? CLUSTER_ROLE.plural : ROLE.plural;
  const why = `${plural}.${groupOf(CLUSTER_ROLE.apiVersion)} ${JSON.stringify(name)} not found`;
  throw forbidden(kind, draft.metadata.name ?? "", why);
}

interface RoleName {
  readonly kind: string;
  readonly name: string;
}

function mayOnRole(granting: Granting, verb: string, { kind, name }: RoleName): boolean {
  const { access, caller, draft } = granting;
  const { namespace } = draft.metadata;
  const isCluster = kind === CLUSTER_ROLE.kind;
  const resource = isCluster ? CLUSTER_ROLE.plural : ROLE.plural;
  const asked = { verb, path: "", apiGroup: groupOf(CLUSTER_ROLE.apiVersion), resource, name };
  // A binding in a namespace asks there, also about a ClusterRole.
  return access.decide(caller, { ...asked, ...(namespace !== undefined && { namespace }) })
    .isAllowed;
}

function lacking(granting: Granting, rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const { access, caller, draft } = granting;
  return missingFrom(access.rulesOf(caller, draft.metadata.namespace).rules, rules);
}

const SHOWN_MAX = 20;

function checkHolds(granting: Granting, rules: readonly PolicyRule[]): void {
  const { kind, draft, caller } = granting;
  const missing = lacking(granting, rules);
  if (missing.length === 0) return;
  const who = `user ${JSON.stringify(caller.user)} (groups=${quotedList(caller.groups)})`;
  const shown = missing.slice(0, SHOWN_MAX).map(ruleText);
  const more = missing.length > SHOWN_MAX ? [`and ${missing.length - SHOWN_MAX} more`] : [];
  const what = "is attempting to grant RBAC permissions not currently held";
  const why = `${who} ${what}:\n${[...shown, ...more].join("\n")}`;
  throw forbidden(kind, draft.metadata.name ?? "", why);
}
