import type { Kind } from "../api/kind.ts";
import type { ObjectKey, Resource } from "../api/meta.ts";

export interface Reconciled<R extends Resource> {
  /** What to say about the resource now. The controller stamps it, and writes it if it is news. */
  readonly status: NonNullable<R["status"]>;
  /** Set only to wait for something that no watch will tell us about. */
  readonly requeueAfterMs?: number;
  /** The resource as it is now, when reconciling wrote something of it besides the status. */
  readonly written?: R;
}

export interface Finalized<R extends Resource> {
  /** How long to wait before asking again; 0 when all is cleared. */
  readonly againAfterMs: number;
  /** What to say of it meanwhile, when that is something else than before. */
  readonly status?: NonNullable<R["status"]>;
}

/** Another kind whose changes matter, though it has another owner. */
export interface Watched {
  readonly kind: Kind;
  /** Whom a change of it wakes. */
  wakes(changed: Resource): readonly ObjectKey[];
}

/** Something outside of the API that wakes resources: an instance, a build, a timer. */
export type Source = (wake: (key: ObjectKey) => void) => Disposable;

/** What a controller watches, and what it does about it: declared together, so neither drifts. */
export interface Controller<R extends Resource = Resource> {
  readonly kind: Kind<R>;
  /** Kinds whose changes wake the resource that controls them. */
  readonly owns: readonly Kind[];
  readonly watches?: readonly Watched[];
  readonly sources?: readonly Source[];
  /** That one of these becomes ready or fails is told as part of another, and makes no Event. */
  readonly isQuiet?: boolean;
  /**
   * Makes the world match `resource.spec`, from whatever state the world is in.
   * Throw to try again later, with backoff. Return to be done until something changes.
   */
  reconcile(resource: R, signal: AbortSignal): Promise<Reconciled<R>>;
  /**
   * Clears away what no owner reference reaches. While a controller has this, its resources carry
   * its finalizer; a deleted resource comes here and never to `reconcile`.
   */
  finalize?(resource: R, signal: AbortSignal): Promise<Finalized<R>>;
}
