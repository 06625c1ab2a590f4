import type { Kind } from "../api/kind.ts";
import type { Draft, ObjectKey, Resource } from "../api/meta.ts";
import type { TokenRequest } from "../api/review.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ListOptions extends CallOptions {
  /** One namespace; all when left out. */
  readonly namespace?: string | undefined;
  /** As kubectl writes them: `a=b,c in (d,e)`. */
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface Listing<R extends Resource> {
  readonly items: readonly R[];
  /** The moment of the list: watch from here to miss nothing. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  /** Begin after this moment. Without one, all that is there comes first, as ADDED. */
  readonly resourceVersion?: string;
}

export interface WatchEvent<R extends Resource> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: R;
}

export interface PatchOptions extends CallOptions {
  readonly type?: "merge" | "json" | "strategic";
}

export interface DeleteOptions extends CallOptions {
  /** Foreground: it stays until what it owns has gone. Orphan: what it owns stays. */
  readonly propagation?: "Background" | "Foreground" | "Orphan";
}

/**
 * Reads and writes resources. In one process it calls the server's functions; over HTTP it speaks
 * to any Kubernetes API. Its callers cannot tell, and all of them must work with both.
 */
export interface Client {
  /** Throws `NotFound`. */
  get<R extends Resource>(kind: Kind<R>, key: ObjectKey, options?: CallOptions): Promise<R>;
  list<R extends Resource>(kind: Kind<R>, options?: ListOptions): Promise<Listing<R>>;
  /** Ends when `signal` says so. Throws `Expired` when the moment is too long ago to begin at. */
  watch<R extends Resource>(kind: Kind<R>, options?: WatchOptions): AsyncIterable<WatchEvent<R>>;
  /** Throws `AlreadyExists` when the name is taken. */
  create<R extends Resource>(draft: Draft<R>, options?: CallOptions): Promise<R>;
  /** Replaces what an owner may write. Throws `Conflict` unless `resourceVersion` is current. */
  put<R extends Resource>(resource: R, options?: CallOptions): Promise<R>;
  /** Changes parts of what an owner may write. Throws `NotFound`. */
  patch<R extends Resource>(
    of: { readonly kind: Kind<R>; readonly key: ObjectKey },
    patch: unknown,
    options?: PatchOptions,
  ): Promise<R>;
  /** Replaces the status and nothing else. Throws `Conflict` as `put` does. */
  putStatus<R extends Resource>(resource: R, options?: CallOptions): Promise<R>;
  /**
   * Asks for deletion: the object goes when its finalizers have. Being gone already is success;
   * an object of the same name with another `uid` is left alone.
   */
  delete(resource: Resource, options?: DeleteOptions): Promise<void>;
  /** Makes a token of a ServiceAccount. Throws `NotFound` without that, or what it is bound to. */
  createToken(
    account: ObjectKey,
    asked: TokenRequest["spec"],
    options?: CallOptions,
  ): Promise<TokenRequest>;
}

/** A local copy of one kind, kept fresh by a watch. May be a little behind, never ahead. */
export interface Lister<R extends Resource> {
  get(key: ObjectKey): R | undefined;
  list(namespace?: string): readonly R[];
  controlledBy(owner: Resource): readonly R[];
}

/** Watched copies of all kinds, and word of what changes in them. */
export interface Cache {
  lister<R extends Resource>(kind: Kind<R>): Lister<R>;
  /** Of any kind, all that have owners or are on their way out; others may be among them. */
  linked(): Iterable<Resource>;
  /** Calls with what was written, as it is now, or with what has gone, as it was. */
  watch(listener: (changed: Resource, isGone: boolean) => void): Disposable;
}
