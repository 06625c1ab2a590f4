import type { Socket } from "node:net";
import { LIMITS } from "./limits.ts";

export interface LinkOptions<In> {
  readonly receive: (message: In) => void;
  /** Once, and nothing is received after it. */
  readonly closed: () => void;
}

const NEWLINE = 10;

/**
 * Lines of JSON, both ways, over one socket. Both ends are ours and of one protocol, so a message
 * is taken as what it says it is; a line that is too long or no object ends the connection.
 */
export class Link<Out, In> {
  readonly #socket: Socket;
  readonly #options: LinkOptions<In>;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isClosed = false;

  constructor(socket: Socket, options: LinkOptions<In>) {
    this.#socket = socket;
    this.#options = options;
    socket.on("error", () => this.close());
    socket.on("close", () => this.close());
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
  }

  /** What is sent after the end, or to one who does not read, is lost; a new link starts anew. */
  send(message: Out): void {
    if (this.#isClosed) return;
    this.#socket.write(`${JSON.stringify(message)}\n`);
    if (this.#socket.writableLength > LIMITS.linkBytesMax) this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#options.closed();
  }

  #take(bytes: Buffer): void {
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      this.#pieces.push(bytes.subarray(from, at));
      from = at + 1;
      const line = Buffer.concat(this.#pieces).toString();
      this.#pieces = [];
      this.#bytes = 0;
      this.#receive(line);
      if (this.#isClosed) return;
    }
    if (from === bytes.length) return;
    this.#pieces.push(bytes.subarray(from));
    this.#bytes += bytes.length - from;
    if (this.#bytes > LIMITS.lineBytesMax) this.close();
  }

  #receive(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {}
    if (typeof message === "object" && message !== null) this.#options.receive(message as In);
    else this.close();
  }
}
