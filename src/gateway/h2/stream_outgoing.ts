import type { Outgoing } from "../caller.ts";
import { linesOf } from "../h1/coursing.ts";
import type { Inbound } from "../request.ts";

/** The request of a stream as it goes on, to instances of either protocol. */
export class StreamOutgoing implements Outgoing {
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly hasBody: boolean;
  readonly isChunked: boolean;
  readonly upgrade = undefined;
  readonly #headers: readonly string[];

  constructor(inbound: Inbound, target: string, headers: readonly string[]) {
    const { method, authority, hasBody, isChunked } = inbound;
    this.method = method;
    this.target = target;
    this.authority = authority;
    this.hasBody = hasBody;
    this.isChunked = isChunked;
    this.#headers = headers;
  }

  /** What would end a line, or is no latin1, is taken out of a value. */
  get text(): string {
    return `${this.method} ${this.target} HTTP/1.1\r\n${linesOf([...this.#headers])}\r\n`;
  }

  headers(): readonly string[] {
    return this.#headers;
  }
}
