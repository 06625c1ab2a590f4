import { connect } from "node:net";
import type { Clock } from "../base/clock.ts";
import type { Guard } from "./guard.ts";
import { Link } from "./link.ts";
import type { FromHome, PeerSpec, Spent, ToHome } from "./peer_protocol.ts";

export interface GossipOptions {
  readonly clock: Clock;
  /** Those that count requests, by their route. */
  readonly guards: () => ReadonlyMap<string, Guard>;
}

/** After the first request that counts, until the others are told. */
const TELL_MS = 50;

/**
 * Tells the other workers how many requests were let in under which limit, so that a rate is one
 * for all of them, but for what each lets in between two words. With no requests nothing is said.
 */
export class Gossip {
  readonly #options: GossipOptions;
  #peers: readonly PeerSpec[] = [];
  readonly #links = new Map<string, Link<ToHome, FromHome>>();
  #isDue = false;

  constructor(options: GossipOptions) {
    this.#options = options;
  }

  setPeers(peers: readonly PeerSpec[]): void {
    this.#peers = peers;
    const names = new Set(peers.map(({ name }) => name));
    for (const [name, link] of this.#links) if (!names.has(name)) link.close();
  }

  /** A request was let in that counts. */
  soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#options.clock.after(TELL_MS, () => this.#tell());
  }

  /** Another worker has let some in. */
  hear({ route, spent }: Spent): void {
    const limiters = this.#options.guards().get(route)?.limiters ?? [];
    for (const [at, key, count] of spent) limiters[at]?.spentElsewhere(key, count);
  }

  #tell(): void {
    this.#isDue = false;
    for (const [route, { limiters }] of this.#options.guards()) {
      const spent = limiters.flatMap((limiter, at) =>
        limiter.takeSpent().map(([key, count]) => [at, key, count] as const),
      );
      if (spent.length === 0) continue;
      for (const peer of this.#peers) this.#linkTo(peer).send({ type: "spent", route, spent });
    }
  }

  #linkTo(peer: PeerSpec): Link<ToHome, FromHome> {
    const known = this.#links.get(peer.name);
    if (known !== undefined) return known;
    const link = new Link<ToHome, FromHome>(connect(peer.path), {
      receive: () => {},
      closed: () => {
        if (this.#links.get(peer.name) === link) this.#links.delete(peer.name);
      },
    });
    link.send({ type: "peer", token: peer.token });
    this.#links.set(peer.name, link);
    return link;
  }
}
