import type { Kind } from "../api/kind.ts";
import type { ObjectKey } from "../api/meta.ts";
import type { TokenRequest } from "../api/review.ts";
import { CONTROLLER_USER } from "../api/serving.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Store } from "../store/store.ts";
import type { Access } from "./access/access.ts";

/** What the operations of the API work on. */
export interface ServerContext {
  readonly kinds: readonly Kind[];
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Who may do what; without it, only administrators come in from outside. */
  readonly access?: Access;
  /** Without it, ServiceAccounts have no tokens. */
  readonly accountTokens?: TokenMaker;
}

/** Makes tokens of ServiceAccounts. */
export interface TokenMaker {
  /** Throws `NotFound` without the account, and `Invalid` when that is no good request. */
  create(account: ObjectKey, request: unknown): Promise<TokenRequest>;
}

/** Who asks. */
export interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
  /** Tells apart those who had the same name at different times. */
  readonly uid?: string;
  /** What more whoever knows them says of them. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Whoever is in it may do everything. */
export const MASTERS = "system:masters";

/** Our own controllers, which may do what a kind refuses to everybody else. */
export const CONTROLLER: Caller = { user: CONTROLLER_USER, groups: [MASTERS] };

/** Whether somebody may do everything, so that nothing needs to be looked up. */
export function isMaster({ groups }: Caller): boolean {
  return groups.includes(MASTERS);
}

export function isController({ user }: Caller): boolean {
  return user === CONTROLLER.user;
}
