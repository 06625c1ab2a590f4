/**
 * What workers say to each other, over the socket on which control reaches them. The limit of a
 * revision's instances is one for all workers, so for each revision that has one, one worker keeps
 * the count and the queue: its home. The others ask there for a place:
 *
 *     peer, take ─────────►            the request waits at its home, in one queue with all
 *          ◄───────────── taken        and goes from here to this instance
 *     leave ──────────────►            it is done, or nobody waits for it any more
 *          ◄───────────── refused      there is no room to wait, or no such revision (yet)
 *
 * Either end may go away: what was asked for is asked for at the next home, and what was taken is
 * given back. Control plays no part in this.
 */
export type ToHome =
  | { readonly type: "peer"; readonly token: string }
  | {
      readonly type: "take";
      readonly id: number;
      readonly backend: string;
      readonly isBack: boolean;
    }
  | { readonly type: "leave"; readonly id: number; readonly how: Leaving }
  | Spent;

/** So many requests were let in, by the place of a limit in its route, and by the limit's key. */
export interface Spent {
  readonly type: "spent";
  readonly route: string;
  readonly spent: readonly (readonly [limit: number, key: string, count: number])[];
}

export type FromHome =
  | { readonly type: "taken"; readonly id: number; readonly endpoint: string }
  | { readonly type: "refused"; readonly id: number; readonly why: "full" | "gone" | "unknown" };

/** Whether the instance took the connection, refused it, or was never asked. */
export type Leaving = "fine" | "refused" | "unused";

/** Another worker, and what it takes to reach it. */
export interface PeerSpec {
  readonly name: string;
  readonly path: string;
  readonly token: string;
}
