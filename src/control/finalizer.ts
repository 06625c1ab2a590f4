import { isGoing, type Resource } from "../api/meta.ts";
import type { Client } from "../client/client.ts";
import type { Controller, Finalized } from "./controller.ts";

interface Keeping<R extends Resource> {
  readonly controller: Controller<R>;
  readonly client: Client;
  readonly signal: AbortSignal;
}

/** Nothing is left to clear away. */
export const CLEARED = { againAfterMs: 0 } as const;

/** Holds a deleted resource back until its controller has cleared away what it made outside. */
export function finalizerOf({ kind }: Controller): string {
  return `varve.dev/${kind.singular}`;
}

/** The resource with the finalizer on it, when the controller has something to clear away. */
export async function keepFinalizer<R extends Resource>(
  resource: R,
  { controller, client, signal }: Keeping<R>,
): Promise<R> {
  const { finalizers = [] } = resource.metadata;
  const finalizer = finalizerOf(controller);
  if (controller.finalize === undefined || isGoing(resource)) return resource;
  if (finalizers.includes(finalizer)) return resource;
  const metadata = { ...resource.metadata, finalizers: [...finalizers, finalizer] };
  return await client.put<R>({ ...resource, metadata }, { signal });
}

/** Clears away, and lets the resource go when all is cleared. */
export async function finalizeGoing<R extends Resource>(
  resource: R,
  { controller, client, signal }: Keeping<R>,
): Promise<Finalized<R>> {
  const { finalizers = [] } = resource.metadata;
  const finalizer = finalizerOf(controller);
  if (controller.finalize === undefined || !finalizers.includes(finalizer)) return CLEARED;
  const finalized = await controller.finalize(resource, signal);
  if (finalized.againAfterMs > 0) return finalized;
  const left = finalizers.filter((it) => it !== finalizer);
  const metadata = { ...resource.metadata, finalizers: left };
  await client.put<R>({ ...resource, metadata }, { signal });
  return CLEARED;
}
