import type { Socket } from "node:net";
import { type Attendant, attend } from "./attendant.ts";
import { type DeadlineQueue, type Due, NOWHERE } from "./deadline_queue.ts";
import { LIMITS } from "./limits.ts";

/** Who looks at the first bytes, which are lent, and says what is to become of the connection. */
export type Decide = (bytes: Buffer, socket: Socket) => (() => void) | undefined;

const BUFFER_BYTES = 16 * 1024;

/** Connections whose first bytes have not come, so that nobody serves them yet. */
export class Undecided {
  readonly deadlines: DeadlineQueue;
  /** Of all of them in turn. */
  readonly buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly newcomers = new Set<Newcomer>();

  constructor(deadlines: DeadlineQueue) {
    this.deadlines = deadlines;
  }

  /**
   * Shows `decide` all that has come, again whenever more has, until it answers with what to do.
   * Whoever is to serve the connection attends to it then. When it takes longer than a head may,
   * the connection is closed.
   */
  read(socket: Socket, decide: Decide): void {
    attend(socket, new Newcomer(this, socket, decide));
    socket.resume();
  }

  /** They have said nothing, so there is nothing to finish. */
  destroyAll(): void {
    for (const { socket } of this.newcomers) socket.destroy();
  }
}

/** One of them: small, as there is one for each connection. */
class Newcomer implements Attendant, Due {
  queuePlace = NOWHERE;
  readonly socket: Socket;
  readonly #undecided: Undecided;
  readonly #decide: Decide;
  #kept: Buffer | undefined;

  constructor(undecided: Undecided, socket: Socket, decide: Decide) {
    this.socket = socket;
    this.#undecided = undecided;
    this.#decide = decide;
    undecided.newcomers.add(this);
    undecided.deadlines.put(this, undecided.deadlines.now() + LIMITS.headMs);
  }

  readBuffer(): Buffer {
    return this.#undecided.buffer;
  }

  socketRead(bytes: Uint8Array, length: number): void {
    const piece = (bytes as Buffer).subarray(0, length);
    const kept = this.#kept;
    const all = kept === undefined ? piece : Buffer.concat([kept, piece]);
    const act = this.#decide(all, this.socket);
    if (act === undefined) {
      this.#kept = kept === undefined ? Buffer.from(piece) : all;
      return;
    }
    this.socketClosed();
    act();
  }

  /** Or somebody else attends to it. */
  socketClosed(): void {
    this.#undecided.deadlines.remove(this);
    this.#undecided.newcomers.delete(this);
  }

  due(): void {
    this.socket.destroy();
  }
}
