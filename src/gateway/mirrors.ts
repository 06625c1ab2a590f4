import type { Agent, ClientRequest } from "node:http";
import type { Clock } from "../base/clock.ts";
import { nodeHttp } from "../base/node_http.ts";
import type { Backend, Endpoint, Waiter } from "./backend.ts";
import type { Outgoing } from "./caller.ts";
import { removeHeader } from "./course.ts";
import { enter, leave } from "./load.ts";
import type { Seats, Ticket } from "./seats.ts";
import { CELL, count } from "./tally.ts";

export interface MirrorsOptions {
  readonly clock: Clock;
  readonly seats: Seats;
}

/** Copies that are on their way at once; more are dropped. */
const OPEN_MAX = 64;
/** Requests with a longer body are not copied. */
const BODY_BYTES_MAX = 1024 * 1024;
/** For the whole of a copy, the wait for an instance and an answer without end included. */
const COPY_MS = 30_000;

/**
 * Sends copies of requests to revisions that are being tried. Nobody waits for a copy, its answer
 * is thrown away, and whatever goes wrong with it is counted and no more. It is load as any request
 * is, for it takes an instance: a revision that is sent copies alone is not at rest.
 */
export class Mirrors {
  readonly #options: MirrorsOptions;
  readonly #agent = new nodeHttp.Agent({ keepAlive: true, maxFreeSockets: OPEN_MAX });
  #open = 0;

  constructor(options: MirrorsOptions) {
    this.#options = options;
  }

  /** Begins a copy; its body, if there is one, follows. Nothing when there is no room. */
  begin(backend: Backend, outgoing: Outgoing): Copy | undefined {
    const isFit = backend.protocol === "http1" && outgoing.upgrade === undefined;
    if (!isFit || backend.isGone || this.#open >= OPEN_MAX) {
      count(backend.tally, CELL.mirrorsDropped, 1);
      return undefined;
    }
    this.#open += 1;
    const ended = () => {
      this.#open -= 1;
    };
    const copy = new Copy({ ...this.#options, agent: this.#agent, backend, outgoing, ended });
    if (!outgoing.hasBody) copy.end();
    return copy;
  }
}

interface CopyOptions extends MirrorsOptions {
  readonly agent: Agent;
  readonly backend: Backend;
  readonly outgoing: Outgoing;
  readonly ended: () => void;
}

/** One copy: kept until it is whole, then sent when there is an instance for it. */
export class Copy implements Waiter {
  readonly #options: CopyOptions;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #ticket: Ticket;
  #late: Disposable | undefined;
  #sent: ClientRequest | undefined;
  #isOver = false;
  #isWhole = false;

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  /** A piece of the body, only lent. */
  send(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#bytes += bytes.length;
    if (this.#bytes > BODY_BYTES_MAX) this.drop();
    else this.#pieces.push(Buffer.from(bytes));
  }

  /** The body is whole: from now on nothing of the request is needed. */
  end(): void {
    if (this.#isOver || this.#isWhole) return;
    this.#isWhole = true;
    const { clock, seats, backend } = this.#options;
    enter(backend, clock.elapsed());
    this.#late = clock.after(COPY_MS, () => this.#expire());
    this.#ticket = seats.ask(backend, this);
  }

  /** The request is over: what has not come of its body by now will not come. */
  abandon(): void {
    if (!this.#isWhole) this.drop();
  }

  /** It cannot be sent. */
  drop(): void {
    if (this.#isOver) return;
    const { seats, backend } = this.#options;
    count(backend.tally, CELL.mirrorsDropped, 1);
    seats.leave(backend, this.#ticket);
    this.#finish();
  }

  refuse(): void {
    this.drop();
  }

  serve(endpoint: Endpoint): void {
    const { seats, agent, backend, outgoing } = this.#options;
    // The ticket is only known when `ask` has returned.
    queueMicrotask(() => {
      const giveBack = () => seats.giveBack(endpoint, this.#ticket);
      if (this.#isOver) {
        giveBack();
        return;
      }
      const { host, port } = endpoint;
      const { method, target: path } = outgoing;
      const sent = nodeHttp.request({ host, port, method, path, agent, headers: this.headers });
      this.#sent = sent;
      let isAnswered = false;
      sent.on("response", (answer) => {
        isAnswered = true;
        answer.resume();
      });
      sent.on("error", () => {
        if (!isAnswered) count(backend.tally, CELL.mirrorsDropped, 1);
      });
      sent.on("close", () => {
        giveBack();
        this.#finish();
      });
      sent.end(Buffer.concat(this.#pieces));
      count(backend.tally, CELL.mirrored, 1);
    });
  }

  /** Its answer is cut where it goes on: events have no end, and nobody reads them here. */
  #expire(): void {
    if (this.#sent === undefined) this.drop();
    else this.#sent.destroy();
  }

  /** What an instance of the copy is told: all of it, and that it is a copy. */
  get headers(): string[] {
    const headers = [...this.#options.outgoing.headers()];
    for (const name of ["transfer-encoding", "content-length", "connection", "expect"]) {
      removeHeader(headers, name);
    }
    headers.push("Content-Length", String(this.#bytes), "Varve-Mirror", "true");
    return headers;
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#late?.[Symbol.dispose]();
    this.#pieces = [];
    const { clock, backend, ended } = this.#options;
    if (this.#isWhole) leave(backend, clock.elapsed());
    ended();
  }
}
