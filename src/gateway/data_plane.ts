import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { Clients } from "./clients.ts";
import { DeadlineQueue } from "./deadline_queue.ts";
import { Drains } from "./drains.ts";
import { Endless } from "./endless.ts";
import { Front } from "./front.ts";
import { Gossip } from "./gossip.ts";
import { Pools } from "./h1/pools.ts";
import { Sessions } from "./h2/sessions.ts";
import { StreamListener } from "./h2/stream_listener.ts";
import { Hold } from "./hold.ts";
import { Listener } from "./listener.ts";
import { Mirrors } from "./mirrors.ts";
import type { TurnedAway } from "./route.ts";
import { Seats } from "./seats.ts";
import { Table } from "./table.ts";
import { withProofs } from "./tls/proofs.ts";
import { TlsFront } from "./tls/tls_front.ts";
import { Ways } from "./ways.ts";

export interface DataPlaneOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Of the access log; without it there is none. */
  readonly accessLogPath?: string | undefined;
  readonly isSettled: () => boolean;
  /** Requests are waiting for this backend. */
  readonly waiting: (backend: string) => void;
  /** A request has thawed what was frozen of this backend, which took so long. */
  readonly woke: (backend: string, ms: number) => void;
}

export interface DataPlane {
  readonly table: Table;
  readonly hold: Hold;
  readonly seats: Seats;
  readonly drains: Drains;
  readonly gossip: Gossip;
  readonly front: Front;
  readonly tlsFront: TlsFront;
  readonly streams: StreamListener;
}

/** All that serves requests, put together. Nothing in here knows of a control process. */
export function makeDataPlane(options: DataPlaneOptions): DataPlane {
  const { clock, chance, isSettled, waiting, woke } = options;
  const sessions = new Sessions(clock);
  const carriers = new Ways(new Pools(clock), sessions);
  const drains = new Drains();
  const endless = new Endless(clock);
  const hold = new Hold({ clock, waiting, woke, emptied: (endpoint) => drains.end(endpoint) });
  const table = new Table({
    clock,
    chance,
    accessLogPath: options.accessLogPath,
    spent: () => gossip.soon(),
    changed: (backend) => {
      hold.warm(backend);
      hold.serveNext(backend);
    },
    takenOut: (endpoint) => {
      carriers.drop(endpoint);
      drains.begin(endpoint);
      endless.leave(endpoint);
    },
  });
  const gossip = new Gossip({ clock, guards: () => table.guards });
  const seats = new Seats({ clock, hold });
  const mirrors = new Mirrors({ clock, seats });
  const { counts, witness } = table;
  // It is asked where no rule was found, and nowhere else.
  const isKnown = () => {
    counts.unknownHosts += 1;
    return isSettled();
  };
  const turnedAway = (it: TurnedAway) => {
    if (it.outgoing === undefined) counts.badRequests += 1;
    witness.turnedAway(it);
  };
  const rules = withProofs(table.rules, table.tls);
  const routing = { isSettled: isKnown, turnedAway, rules };
  const deadlines = new DeadlineQueue(clock);
  const shared = { clock, deadlines, seats, carriers, witness, mirrors, endless, ...routing };
  const streams = new StreamListener({ ...shared, counts });
  const plain = new Listener(shared);
  const services = { clock, deadlines, h1: plain, h2: streams, clients: new Clients() };
  const front = new Front(services);
  const tlsFront = new TlsFront({ ...services, tls: table.tls });
  return { table, hold, seats, drains, gossip, front, tlsFront, streams };
}
