import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";

/** Another form in which the resources of a kind are served: stored once, shown in two ways. */
export interface View<R extends Resource = Resource, S extends Resource = Resource> {
  /** The form as it is served. */
  readonly kind: Kind<R>;
  /** The form as it is stored. */
  readonly of: Kind<S>;
  show(stored: S): R;
  /** The way back: what was shown comes out as it is stored. */
  store(shown: R): S;
}
