import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { Drains } from "./drains.ts";
import { Front } from "./front.ts";
import { Sessions } from "./h2/sessions.ts";
import { StreamListener } from "./h2/stream_listener.ts";
import { Hold } from "./hold.ts";
import { Listener } from "./listener.ts";
import { Pools } from "./pools.ts";
import { Seats } from "./seats.ts";
import { Table } from "./table.ts";

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
  readonly streams: StreamListener;
}

/** All that serves requests, put together. Nothing in here knows of a control process. */
export function makeDataPlane(options: DataPlaneOptions): DataPlane {
  const { clock, chance, isSettled, waiting } = options;
  const pools = new Pools();
  const sessions = new Sessions(clock);
  const drains = new Drains();
  const hold = new Hold({ clock, waiting, emptied: (endpoint) => drains.end(endpoint) });
  const table = new Table({
    chance,
    changed: (backend) => hold.serveNext(backend),
    takenOut: (endpoint) => {
      pools.drop(endpoint);
      sessions.drop(endpoint);
      drains.begin(endpoint);
    },
  });
  const seats = new Seats({ clock, hold });
  const parts = { clock, seats, pools, sessions, isSettled, rules: table.rules };
  const streams = new StreamListener(parts);
  const front = new Front({ clock, h1: new Listener(parts), h2: streams });
  return { table, hold, seats, drains, front, streams };
}
