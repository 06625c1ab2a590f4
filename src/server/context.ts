import type { Kind } from "../api/kind.ts";
import { CONTROLLER_USER } from "../api/serving.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Store } from "../store/store.ts";

/** What the operations of the API work on. */
export interface ServerContext {
  readonly kinds: readonly Kind[];
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** Who asks. */
export interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
}

/** Our own controllers, which may do what a kind refuses to everybody else. */
export const CONTROLLER: Caller = { user: CONTROLLER_USER, groups: ["system:masters"] };

export function isController({ user }: Caller): boolean {
  return user === CONTROLLER.user;
}
