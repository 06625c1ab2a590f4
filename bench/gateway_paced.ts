import { connect } from "node:net";
import { HOST } from "./gateway_peers.ts";

/** One connection of a client that asks at a pace; requests of its own wait for those before. */
export class Paced {
  readonly #socket;
  readonly #asked: number[] = [];

  constructor(port: number, times: number[]) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (bytes: Buffer) => {
      // Heads are told apart by how they begin.
      for (let head = bytes.indexOf("HTTP/1.1 200"); head >= 0; ) {
        times.push(performance.now() - (this.#asked.shift() ?? 0));
        head = bytes.indexOf("HTTP/1.1 200", head + 1);
      }
    });
  }

  ask(): void {
    this.#asked.push(performance.now());
    this.#socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  }

  end(): void {
    this.#socket.destroy();
  }
}
