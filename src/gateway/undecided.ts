import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";

/** Who looks at the first bytes, and says what is to become of the connection. */
export type Decide = (bytes: Buffer) => (() => void) | undefined;

/** Connections whose first bytes have not come, so that nobody serves them yet. */
export class Undecided {
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Shows `decide` all that has come, again whenever more has, until it answers with what to do,
   * which is done when nobody here listens any more. After `ms` without, the connection is closed.
   */
  read(socket: Socket, ms: number, decide: Decide): void {
    let all: Buffer | undefined;
    const ignore = () => {};
    const late = this.#clock.after(ms, () => socket.destroy());
    const take = (bytes: Buffer) => {
      all = all === undefined ? bytes : Buffer.concat([all, bytes]);
      const act = decide(all);
      if (act === undefined) return;
      settle();
      act();
    };
    const settle = () => {
      late[Symbol.dispose]();
      this.#sockets.delete(socket);
      socket.off("data", take).off("error", ignore).off("close", settle);
    };
    this.#sockets.add(socket);
    socket.on("data", take).on("error", ignore).on("close", settle);
  }

  /** They have said nothing, so there is nothing to finish. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** For services of Node's own, which begin to read by themselves. */
export function putBack(socket: Socket, bytes: Buffer): void {
  socket.pause();
  socket.unshift(bytes);
}
