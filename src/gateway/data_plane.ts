import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { Clients } from "./clients.ts";
import { Drains } from "./drains.ts";
import { Front } from "./front.ts";
import { Pools } from "./h1/pools.ts";
import { Sessions } from "./h2/sessions.ts";
import { StreamListener } from "./h2/stream_listener.ts";
import { Hold } from "./hold.ts";
import { Listener } from "./listener.ts";
import { Pools as AgentPools } from "./pools.ts";
import { Seats } from "./seats.ts";
import { Table } from "./table.ts";
import { withProofs } from "./tls/proofs.ts";
import { TlsFront } from "./tls/tls_front.ts";
import { Ways } from "./ways.ts";

export interface DataPlaneOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly isSettled: () => boolean;
  /** Requests are waiting for this backend. */
  readonly waiting: (backend: string) => void;
}

export interface DataPlane {
  readonly table: Table;
  readonly hold: Hold;
  readonly seats: Seats;
  readonly drains: Drains;
  readonly front: Front;
  readonly tlsFront: TlsFront;
  readonly streams: StreamListener;
}

/** All that serves requests, put together. Nothing in here knows of a control process. */
export function makeDataPlane(options: DataPlaneOptions): DataPlane {
  const { clock, chance, isSettled, waiting } = options;
  const pools = new AgentPools();
  const sessions = new Sessions(clock);
  const carriers = new Ways(new Pools(clock), sessions);
  const drains = new Drains();
  const hold = new Hold({ clock, waiting, emptied: (endpoint) => drains.end(endpoint) });
  const table = new Table({
    clock,
    chance,
    changed: (backend) => hold.serveNext(backend),
    takenOut: (endpoint) => {
      pools.drop(endpoint);
      carriers.drop(endpoint);
      drains.begin(endpoint);
      plain.leave(endpoint);
    },
  });
  const seats = new Seats({ clock, hold });
  const { counts } = table;
  // It is asked where no rule was found, and nowhere else.
  const isKnown = () => {
    counts.unknownHosts += 1;
    return isSettled();
  };
  const routing = { isSettled: isKnown, rules: withProofs(table.rules, table.tls) };
  const streams = new StreamListener({ clock, seats, pools, sessions, ...routing });
  const plain = new Listener({ clock, seats, carriers, ...routing });
  const services = { clock, h1: plain, h2: streams, clients: new Clients() };
  const front = new Front(services);
  const tlsFront = new TlsFront({ ...services, tls: table.tls });
  return { table, hold, seats, drains, front, tlsFront, streams };
}
