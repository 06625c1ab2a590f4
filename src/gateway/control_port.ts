import { chmodSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { batchesOf } from "./batches.ts";
import type { Address } from "./front.ts";
import type { Home } from "./home.ts";
import { Link } from "./link.ts";
import type { FromHome, PeerSpec, ToHome } from "./peer_protocol.ts";
import {
  type Change,
  isSameVersion,
  PROTOCOL,
  type Question,
  type ToControl,
  type ToWorker,
  type Version,
} from "./protocol.ts";
import type { Load } from "./route_table.ts";
import type { Table } from "./table.ts";

export interface Ports {
  readonly port: number;
  readonly tlsPort?: number;
}

export interface ControlPortOptions {
  readonly clock: Clock;
  readonly table: Table;
  /** Where it listens: a path that only our own user can reach. */
  readonly path: string;
  readonly token: string;
  /** What the gateway's own port is, or should be. */
  readonly address: () => Address & { readonly tls?: Address };
  /** The first whole table is there: opens the ports, and answers with them. */
  readonly open: () => Promise<Ports>;
  /** A control process has come, who does not know who is waiting, and who was thawed. */
  readonly arrived: () => void;
  /** Answers what control asks, whatever it is. */
  readonly answer: (question: Question) => Promise<unknown>;
  readonly whenDrained: (endpoint: string, tell: () => void) => void;
  readonly setPeers: (self: string, peers: readonly PeerSpec[]) => void;
  /** Another worker has come: answers with what serves it. */
  readonly home: (send: (message: FromHome) => void) => Home;
}

type Out = ToControl | FromHome;
type In = ToWorker | ToHome;

/** What is done with what one of those who connect says, and when it ends. */
interface Admitted {
  receive(message: In): void;
  close(): void;
}

/** How long a stranger may take to say who it is. */
const HELLO_MS = 5_000;

/** The worker's end of the link to control: one control process at a time, the newest. */
export class ControlPort {
  readonly #options: ControlPortOptions;
  readonly #server: Server;
  #link: Link<Out, In> | undefined;
  #version: Version | undefined;
  #isSettled = false;
  /** What a whole table that is on its way has named so far. */
  #named = new Set<string>();

  constructor(options: ControlPortOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#greet(socket));
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether a table has ever come. */
  get hasTable(): boolean {
    return this.#version !== undefined;
  }

  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(this.#options.path, resolve);
    await promise;
    chmodSync(this.#options.path, 0o600);
  }

  close(): void {
    this.#server.close();
    this.#link?.close();
  }

  tellWaiting(backend: string): void {
    this.#link?.send({ type: "waiting", backend });
  }

  tellWoke(backend: string, ms: number): void {
    this.#link?.send({ type: "woke", backend, ms });
  }

  /** What nobody is there to hear is forgotten: it is of no use to who comes later. */
  tellLoads(loads: readonly Load[]): void {
    if (loads.length > 0) this.#link?.send({ type: "loads", loads });
  }

  #greet(socket: Socket): void {
    let admitted: Admitted | undefined;
    const link = new Link<Out, In>(socket, {
      receive: (message) => {
        if (admitted !== undefined) admitted.receive(message);
        else admitted = this.#admit(link, message);
      },
      closed: () => admitted?.close(),
    });
    this.#options.clock.after(HELLO_MS, () => {
      if (admitted === undefined) link.close();
    });
  }

  /** A control process of another protocol is told ours, and will know what to do with us. */
  #admit(link: Link<Out, In>, hello: In): Admitted | undefined {
    const isKnown = "token" in hello && hello.token === this.#options.token;
    if (isKnown && hello.type === "hello") return this.#admitControl(link);
    if (isKnown && hello.type === "peer") {
      const home = this.#options.home((message) => link.send(message));
      return { receive: (message) => home.receive(message as ToHome), close: () => home.close() };
    }
    link.close();
    return undefined;
  }

  #admitControl(link: Link<Out, In>): Admitted {
    this.#welcome(link);
    return {
      receive: (message) => this.#receive(link, message as ToWorker),
      close: () => {
        if (this.#link === link) this.#link = undefined;
      },
    };
  }

  #welcome(link: Link<Out, In>): void {
    const before = this.#link;
    this.#link = link;
    before?.close();
    this.#named = new Set();
    const version = this.#version;
    const hello = { type: "hello", protocol: PROTOCOL, ...this.#options.address() } as const;
    link.send({ ...hello, ...(version !== undefined && { version }) });
    this.#options.arrived();
  }

  #receive(link: Link<Out, In>, message: ToWorker): void {
    if (link !== this.#link) return;
    if (message.type === "read") this.#dump(link);
    if (message.type === "part") {
      for (const change of message.changes) this.#name(change);
      this.#apply(message.changes);
    }
    if (message.type === "commit") {
      this.#dropUnnamed();
      void this.#serve(link, message);
    }
    if (message.type === "change") {
      if (!isSameVersion(message.after, this.#version)) {
        link.send({ type: "behind" });
        return;
      }
      this.#apply(message.changes);
      void this.#serve(link, message);
    }
    if (message.type === "question") {
      const { ask, question } = message;
      const answer = this.#options.answer(question);
      void answer.then((reply) => link.send({ type: "reply", ask, reply }));
    }
    if (message.type === "peers") this.#options.setPeers(message.self, message.peers);
    if (message.type === "drained") {
      const { ask, endpoint } = message;
      this.#options.whenDrained(endpoint, () => link.send({ type: "drained", ask }));
    }
  }

  /** From the first time on, what is confirmed is served. */
  async #serve(
    link: Link<Out, In>,
    { version, isSettled }: { readonly version: Version; readonly isSettled: boolean },
  ): Promise<void> {
    const isFirst = this.#version === undefined;
    this.#version = version;
    this.#isSettled = isSettled;
    if (!isFirst) {
      link.send({ type: "confirmed", version });
      return;
    }
    try {
      const ports = await this.#options.open();
      link.send({ type: "confirmed", version });
      link.send({ type: "listening", ...ports });
    } catch (thrown) {
      link.send({ type: "failed", message: (thrown as Error).message });
    }
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) this.#options.table.apply(change);
  }

  #name(change: Change): void {
    if ("putRoute" in change) this.#named.add(`route ${change.putRoute.id}`);
    if ("putBackend" in change) this.#named.add(`backend ${change.putBackend.id}`);
    if ("putTls" in change) this.#named.add(`tls ${change.putTls.id}`);
  }

  #dropUnnamed(): void {
    const { table } = this.#options;
    const named = this.#named;
    this.#named = new Set();
    for (const id of table.routeIds) if (!named.has(`route ${id}`)) table.deleteRoute(id);
    for (const id of table.backendIds) if (!named.has(`backend ${id}`)) table.deleteBackend(id);
    for (const id of table.tls.ids) if (!named.has(`tls ${id}`)) table.tls.delete(id);
  }

  #dump(link: Link<Out, In>): void {
    for (const changes of batchesOf(this.#options.table.changes())) {
      link.send({ type: "part", changes });
    }
    link.send({ type: "whole", isSettled: this.#isSettled });
  }
}
