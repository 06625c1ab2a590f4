import { connect } from "node:net";
import type { Clock } from "../base/clock.ts";
import { awaken, type Backend, type Endpoint, type Waiter } from "./backend.ts";
import type { Hold, Place } from "./hold.ts";
import { LIMITS } from "./limits.ts";
import { Link } from "./link.ts";
import type { FromHome, Leaving, PeerSpec, ToHome } from "./peer_protocol.ts";

export interface SeatsOptions {
  readonly clock: Clock;
  readonly hold: Hold;
}

/** What one who asked has in hand: its place in the queue here, or what it asked for elsewhere. */
export type Ticket = Place | Loan;

/** A place at an instance that another worker counts. */
export interface Loan {
  readonly id: number;
  readonly backend: Backend;
  readonly waiter: Waiter;
  readonly isBack: boolean;
  /** Who counts it; this worker does when there is none. */
  peer: Peer | undefined;
  place: Place;
  how: Leaving;
  isServed: boolean;
  isOver: boolean;
}

interface Peer {
  readonly spec: PeerSpec;
  readonly loans: Map<number, Loan>;
  link: Link<ToHome, FromHome> | undefined;
}

/** Tables change everywhere, though not in the same instant. */
const DISAGREED_MS = 50;

/**
 * Gives each request an instance, and keeps the limit of a revision's instances over all workers:
 * where there is a limit, one worker counts for all (see `peer_protocol.ts`). While workers come
 * and go, it can be exceeded by what had been let in before; nothing waits for a worker that died.
 */
export class Seats {
  readonly #options: SeatsOptions;
  #self = "";
  #peers = new Map<string, Peer>();
  #loans = 0;

  constructor(options: SeatsOptions) {
    this.#options = options;
  }

  /** Who else serves. A peer that is left out keeps what was asked of it, until it goes. */
  setPeers(self: string, specs: readonly PeerSpec[]): void {
    const before = this.#peers;
    this.#self = self;
    this.#peers = new Map();
    for (const spec of specs) {
      const known = before.get(spec.name);
      this.#peers.set(spec.name, known ?? { spec, loans: new Map(), link: undefined });
    }
  }

  /** As `Hold.ask`, wherever it is counted. */
  ask(backend: Backend, waiter: Waiter, isBack = false): Ticket {
    const home = backend.limits.concurrency === 0 ? undefined : this.#homeOf(backend);
    if (home === undefined) return this.#options.hold.ask(backend, waiter, isBack);
    this.#loans += 1;
    const state = { peer: undefined, place: undefined, isServed: false, isOver: false };
    const loan: Loan = { id: this.#loans, backend, waiter, isBack, how: "unused", ...state };
    this.#borrow(loan, home);
    return loan;
  }

  /** Whether what is open there is counted here, or by each for itself. */
  isHome(backend: Backend): boolean {
    return backend.limits.concurrency === 0 || this.#homeOf(backend) === undefined;
  }

  leave(backend: Backend, ticket: Ticket): void {
    if (isLoan(ticket)) this.#return(ticket);
    else this.#options.hold.leave(backend, ticket);
  }

  /** One request there is done. */
  giveBack(endpoint: Endpoint, ticket: Ticket): void {
    if (isLoan(ticket)) this.#return(ticket);
    this.#options.hold.giveBack(endpoint);
  }

  distrust(endpoint: Endpoint, ticket: Ticket): void {
    if (isLent(ticket)) ticket.how = "refused";
    else this.#options.hold.distrust(endpoint);
  }

  trust(endpoint: Endpoint, ticket: Ticket): void {
    if (isLent(ticket)) ticket.how = "fine";
    else this.#options.hold.trust(endpoint);
  }

  /** It broke a connection before it answered. */
  blame(endpoint: Endpoint, ticket: Ticket): void {
    endpoint.broken += 1;
    if (endpoint.broken < LIMITS.brokenMax) return;
    const { endpoints } = endpoint.backend;
    // Without another, a bad one is better than none.
    if (!endpoints.some((one) => one !== endpoint && one.trust === "good")) {
      endpoint.broken = 0;
      return;
    }
    this.distrust(endpoint, ticket);
  }

  /** All workers find the same one, by the highest of as many hashes; nothing when it is this. */
  #homeOf(backend: Backend): Peer | undefined {
    let home: Peer | undefined;
    let most = hashOf(this.#self, backend.id);
    for (const peer of this.#peers.values()) {
      const hash = hashOf(peer.spec.name, backend.id);
      if (hash <= most) continue;
      home = peer;
      most = hash;
    }
    return home;
  }

  #borrow(loan: Loan, peer: Peer): void {
    loan.peer = peer;
    peer.loans.set(loan.id, loan);
    peer.link ??= this.#open(peer);
    const { id, backend, isBack } = loan;
    peer.link.send({ type: "take", id, backend: backend.id, isBack });
  }

  #return(loan: Loan): void {
    if (loan.isOver) return;
    loan.isOver = true;
    const { id, how, peer, backend, place } = loan;
    this.#options.hold.leave(backend, place);
    if (peer?.loans.delete(id) === true) peer.link?.send({ type: "leave", id, how });
  }

  #open(peer: Peer): Link<ToHome, FromHome> {
    const link = new Link<ToHome, FromHome>(connect(peer.spec.path), {
      receive: (message) => this.#receive(peer, message),
      closed: () => this.#lost(peer),
    });
    link.send({ type: "peer", token: peer.spec.token });
    return link;
  }

  #receive(peer: Peer, message: FromHome): void {
    const loan = peer.loans.get(message.id);
    if (loan === undefined) return;
    const { waiter } = loan;
    if (message.type === "taken") {
      this.#serve(loan, message.endpoint);
      return;
    }
    peer.loans.delete(loan.id);
    if (message.why === "unknown") this.#askLater(loan);
    else waiter.refuse(message.why);
  }

  #serve(loan: Loan, name: string): void {
    const { id, backend, waiter, peer } = loan;
    // Who counts it has thawed it.
    awaken(
      backend,
      backend.frozen.filter((one) => one.name === name),
    );
    const endpoint = backend.endpoints.find((one) => one.name === name);
    if (endpoint === undefined) {
      peer?.loans.delete(id);
      peer?.link?.send({ type: "leave", id, how: "unused" });
      this.#askLater(loan);
      return;
    }
    loan.isServed = true;
    endpoint.open += 1;
    waiter.serve(endpoint);
  }

  /** One table was ahead of the other. */
  #askLater(loan: Loan): void {
    this.#options.clock.after(DISAGREED_MS, () => this.#askAgain(loan));
  }

  #askAgain(loan: Loan): void {
    if (loan.isOver) return;
    const { backend, waiter } = loan;
    loan.peer = undefined;
    const home = this.#homeOf(backend);
    if (home !== undefined) this.#borrow(loan, home);
    else loan.place = this.#options.hold.ask(backend, waiter, true);
  }

  /** It counts no more: who waited there asks the next, and who was served is in nobody's count. */
  #lost(peer: Peer): void {
    peer.link = undefined;
    const { name } = peer.spec;
    if (this.#peers.get(name) === peer) this.#peers.delete(name);
    const loans = [...peer.loans.values()];
    peer.loans.clear();
    for (const loan of loans) if (!loan.isServed) this.#askAgain(loan);
  }
}

function isLoan(ticket: Ticket): ticket is Loan {
  return ticket !== undefined && "how" in ticket;
}

function isLent(ticket: Ticket): ticket is Loan {
  return isLoan(ticket) && ticket.peer !== undefined;
}

/** FNV-1a over both, mixed at the end, for its last bytes move the high bits little. */
function hashOf(worker: string, backend: string): number {
  let hash = 0x811c9dc5;
  for (const text of [backend, worker]) {
    for (let at = 0; at < text.length; at += 1) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}
