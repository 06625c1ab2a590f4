import { groupOf } from "../api/group.ts";
import { type Kind, keyIn } from "../api/kind.ts";
import { controllerOf, type ObjectKey, type Resource, type TypeMeta } from "../api/meta.ts";
import type { Controller } from "./controller.ts";

/** Whom a change wakes: the resource itself, its owner, and those who said that they care. */
export function wokenBy(controller: Controller, changed: Resource): readonly ObjectKey[] {
  const { kind, owns, watches = [] } = controller;
  const itself = isOf(kind, changed) ? [changed.metadata] : [];
  const cares = watches.filter((watched) => isOf(watched.kind, changed));
  return [...itself, ...ownerOf(kind, owns, changed), ...cares.flatMap((it) => it.wakes(changed))];
}

function ownerOf(kind: Kind, owns: readonly Kind[], changed: Resource): readonly ObjectKey[] {
  if (!owns.some((owned) => isOf(owned, changed))) return [];
  const owner = controllerOf(changed);
  if (owner === undefined || !isOf(kind, owner)) return [];
  return [keyIn(kind, { namespace: changed.metadata.namespace, name: owner.name })];
}

/** Whether something is of this kind, in whatever version of its group. */
export function isOf(kind: Kind, { apiVersion, kind: name }: TypeMeta): boolean {
  return kind.kind === name && groupOf(kind.apiVersion) === groupOf(apiVersion);
}
