import type { Kind } from "../../api/kind.ts";
import { isGoing, type ObjectKey, type Resource } from "../../api/meta.ts";
import { NAMESPACE, type Namespace } from "../../api/namespace.ts";
import {
  DEFAULT_ACCOUNT,
  SERVICE_ACCOUNT,
  type ServiceAccount,
} from "../../api/service_account.ts";
import type { Client, Lister } from "../../client/client.ts";
import type { Controller, Finalized, Reconciled } from "../../control/controller.ts";
import { CLEARED } from "../../control/finalizer.ts";

export interface NamespaceDeps {
  readonly client: Client;
  /** Every kind whose resources live in namespaces. */
  readonly kinds: readonly Kind[];
  readonly lister: <R extends Resource>(kind: Kind<R>) => Lister<R>;
}

/** How soon one looks again at what does not go at once, though nobody says that it went. */
const AGAIN_MS = 1000;

/**
 * Gives each namespace the ServiceAccount that everybody counts on. Empties one that is to be
 * deleted, and says what it still waits for.
 */
export function namespaceController(deps: NamespaceDeps): Controller<Namespace> {
  const { kinds, lister } = deps;
  const namespaces = lister(NAMESPACE);
  return {
    kind: NAMESPACE,
    owns: [],
    watches: kinds.map((kind) => ({ kind, wakes: goingHome })),
    reconcile: (namespace) => reconcile(namespace, deps),
    finalize: (namespace) => finalize(namespace, deps),
  };

  /** Only a namespace that is being emptied cares for what is in it, its own account aside. */
  function goingHome({ kind, metadata }: Resource): readonly ObjectKey[] {
    const { namespace: name = "" } = metadata;
    const isOwn = kind === SERVICE_ACCOUNT.kind && metadata.name === DEFAULT_ACCOUNT;
    const home = namespaces.get({ name });
    return home !== undefined && (isOwn || isGoing(home)) ? [{ name }] : [];
  }
}

async function reconcile(
  { metadata, status }: Namespace,
  { client, lister }: NamespaceDeps,
): Promise<Reconciled<Namespace>> {
  const key = { namespace: metadata.name, name: DEFAULT_ACCOUNT };
  if (lister(SERVICE_ACCOUNT).get(key) === undefined) {
    const { apiVersion, kind } = SERVICE_ACCOUNT;
    await client.create<ServiceAccount>({ apiVersion, kind, metadata: key });
  }
  return { status: { ...status, phase: "Active", conditions: status?.conditions ?? [] } };
}

async function finalize(
  { metadata }: Namespace,
  { client, kinds, lister }: NamespaceDeps,
): Promise<Finalized<Namespace>> {
  const inside = kinds.map((kind) => ({ kind, all: lister(kind).list(metadata.name) }));
  const left = inside.filter(({ all }) => all.length > 0);
  if (left.length === 0) return CLEARED;
  const staying = left.flatMap(({ all }) => all.filter((it) => !isGoing(it)));
  await Promise.all(staying.map((resource) => client.delete(resource)));
  const list = left.map(({ kind, all }) => `${all.length} ${kind.plural}`);
  const remaining = {
    type: "NamespaceContentRemaining",
    status: "True" as const,
    reason: "SomeResourcesRemain",
    message: `Waiting for ${list.join(", ")}`,
  };
  return { againAfterMs: AGAIN_MS, status: { phase: "Terminating", conditions: [remaining] } };
}
