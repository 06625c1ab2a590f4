import { t, type Value } from "../base/schema.ts";
import type { ResourceStatus } from "./condition.ts";

const strings = t.MapOf(t.String());

export const ownerReference = t.Object({
  apiVersion: t.String(),
  kind: t.String(),
  name: t.String(),
  uid: t.String(),
  controller: t.Optional(t.Boolean()),
  blockOwnerDeletion: t.Optional(t.Boolean()),
});

/** The part of Kubernetes' metadata that a caller may write. */
export const draftMeta = t.Object({
  name: t.Optional(t.String()),
  /** Without a name: the beginning of one, to which the server adds five characters. */
  generateName: t.Optional(t.String()),
  namespace: t.Optional(t.String()),
  /** Changes with every write. Opaque: compare for equality only. */
  resourceVersion: t.Optional(t.String()),
  uid: t.Optional(t.String()),
  labels: t.Optional(strings),
  annotations: t.Optional(strings),
  /** While any is left, a deleted resource stays. */
  finalizers: t.Optional(t.SetOf(t.String())),
  ownerReferences: t.Optional(t.MapList(ownerReference, "uid")),
});

/** Which fields one writer has set, or applies. */
const managedFieldsEntry = t.Object({
  manager: t.Optional(t.String()),
  operation: t.Optional(t.String()),
  apiVersion: t.Optional(t.String()),
  time: t.Optional(t.String({ format: "date-time" })),
  fieldsType: t.Optional(t.String()),
  fieldsV1: t.Optional(t.Open()),
  subresource: t.Optional(t.String()),
});

/** All of it. What only the server may write is accepted from a caller, and ignored. */
export const objectMeta = t.Object({
  ...draftMeta.properties,
  generation: t.Optional(t.Integer()),
  creationTimestamp: t.Optional(t.String({ format: "date-time" })),
  deletionTimestamp: t.Optional(t.String({ format: "date-time" })),
  deletionGracePeriodSeconds: t.Optional(t.Integer()),
  selfLink: t.Optional(t.String()),
  managedFields: t.Optional(t.Array(managedFieldsEntry)),
});

export type OwnerReference = Value<typeof ownerReference>;
export type DraftMeta = Value<typeof draftMeta>;
export type ManagedFieldsEntry = Value<typeof managedFieldsEntry>;

export interface ObjectMeta extends DraftMeta {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Counts changes of `spec`, from 1. */
  readonly generation: number;
  readonly creationTimestamp: string;
  /** Set when deletion was asked for. The resource goes when its last finalizer has. */
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  /** Who wrote which field: the server keeps it. */
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** What tells one resource from the others of its kind. No namespace: it belongs to none. */
export interface ObjectKey {
  readonly name: string;
  readonly namespace?: string | undefined;
}

export interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/** A Kubernetes object: stored, served and passed around as it is. There is no other model. */
export interface Resource extends TypeMeta {
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: ResourceStatus;
}

/** A resource on its way in: the server fills in the rest of its metadata. */
export type Draft<R extends Resource> = Omit<R, "metadata" | "status"> & {
  readonly metadata: DraftMeta;
  readonly status?: R["status"];
};

/** Hold an owner back until all it owns has gone, or has been let go. Kubernetes' own names. */
export const FOREGROUND_FINALIZER = "foregroundDeletion";
export const ORPHAN_FINALIZER = "orphan";

/** Metadata for what `owner` makes: it lives beside its owner, and is deleted with it. */
export function childOf({ apiVersion, kind, metadata }: Resource, name: string): DraftMeta {
  const { namespace, uid } = metadata;
  const owner = { apiVersion, kind, name: metadata.name, uid };
  return {
    ...(namespace !== undefined && { namespace }),
    name,
    ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
  };
}

export function controllerOf({ metadata }: Resource): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller);
}

export function isControlledBy(resource: Resource, owner: Resource): boolean {
  return controllerOf(resource)?.uid === owner.metadata.uid;
}

/** Deletion was asked for, and something still holds it back. */
export function isGoing({ metadata }: Resource): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** "default/hello", or "hello" for what has no namespace. Names a resource in logs and queues. */
export function pathOf({ namespace, name }: ObjectKey): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
