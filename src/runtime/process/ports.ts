import { readFileSync } from "node:fs";
import { createServer, type ListenOptions, type Server } from "node:net";
import type { Chance } from "../../base/chance.ts";
import { NotStarted } from "../not_started.ts";

/** A port that nothing else uses, until it is disposed. */
export interface Port extends Disposable {
  readonly number: number;
  /** Says that the instance listens by now, so that the port needs no guard any more. */
  settle(): void;
}

/** Below what operating systems hand out by themselves, above what services are known by. */
const FIRST = 20_000;
const COUNT = 12_000;

/**
 * Ports for instances. Two at once never get the same, nor do those of another server on this
 * machine: until its instance listens, a port is guarded by a socket whose name is the port's.
 */
export class Ports {
  readonly #taken = new Set<number>();
  #next: number;

  constructor(chance: Chance) {
    this.#next = Math.floor(chance.fraction() * COUNT);
  }

  /** A free port; not one that was in use a moment ago. Throws `NotStarted` when there is none. */
  async take(): Promise<Port> {
    const isHandedOut = handedOut();
    for (let tries = 0; tries < COUNT; tries += 1) {
      const number = FIRST + (this.#next++ % COUNT);
      if (this.#taken.has(number) || isHandedOut(number)) continue;
      this.#taken.add(number);
      const guard = await this.#guard(number);
      if (guard !== undefined) return this.#port(number, guard);
    }
    throw new NotStarted(`no port from ${FIRST} to ${FIRST + COUNT - 1} is free`);
  }

  /** The port of an instance that has listened there all along. */
  adopt(number: number): Port {
    this.#taken.add(number);
    return this.#port(number, undefined);
  }

  async #guard(number: number): Promise<Disposable | undefined> {
    let guard: Disposable | undefined;
    try {
      guard = await guardOf(number);
    } finally {
      if (guard === undefined) this.#taken.delete(number);
    }
    return guard;
  }

  #port(number: number, guard: Disposable | undefined): Port {
    return {
      number,
      settle: () => guard?.[Symbol.dispose](),
      [Symbol.dispose]: () => {
        guard?.[Symbol.dispose]();
        this.#taken.delete(number);
      },
    };
  }
}

/** Whether the system may hand a port out by itself. If it may hand out all of ours, none count. */
function handedOut(): (port: number) => boolean {
  const [first, last] = systemRange();
  if (first <= FIRST && last >= FIRST + COUNT - 1) return () => false;
  return (port) => port >= first && port <= last;
}

function systemRange(): readonly [number, number] {
  try {
    const text = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
    const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number);
    return [first, last];
  } catch {
    return [0, 0];
  }
}

/** Holds the port's name, and has seen that nothing listens on the port; or nothing. */
async function guardOf(port: number): Promise<Disposable | undefined> {
  // Abstract sockets have the same bounds as ports have: this machine, or this container.
  const isLinux = process.platform === "linux";
  const guard = isLinux ? await listenOn({ path: `\0varve-port-${port}` }) : createServer();
  if (guard === undefined) return undefined;
  const trial = await listenOn({ port, host: isLinux ? "0.0.0.0" : "127.0.0.1" });
  trial?.close();
  if (trial === undefined) {
    guard.close();
    return undefined;
  }
  return { [Symbol.dispose]: () => guard.close() };
}

/** A listening server, or nothing when somebody else is there. */
function listenOn(options: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(undefined);
      else reject(error);
    });
    server.listen({ ...options, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}
