import type { Channel } from "./h1/channel.ts";
import type { OutcomeMeter } from "./outcomes.ts";
import type { BackendLimits, EndpointSpec, FrozenSpec } from "./route_table.ts";
import { makeTally, type Tally } from "./tally.ts";
import { WaitList } from "./wait_list.ts";

/**
 * One revision, as the hot side reads it. It lives on over all its updates. A request to one of
 * very many finds nothing of it in a cache, so its parts are few, and each is made in one piece.
 */
export interface Backend {
  readonly id: string;
  /** The name without the namespace, as clients are told it. */
  readonly revision: string;
  limits: BackendLimits;
  protocol: "http1" | "h2c";
  why: string | undefined;
  /** Deleted, though a route still sends it a share: such requests are refused at once. */
  isGone: boolean;
  /** Replaced as a whole, never changed in place. */
  endpoints: readonly Endpoint[];
  /** Those that can be thawed; replaced as a whole. */
  frozen: readonly FrozenSpec[];
  /** Whose turn it is among those that are equally busy. */
  next: number;
  /** Routes that may lead here. */
  uses: number;
  readonly tally: Tally;
  /** Those of a table that there is something to tell of, and whether this is among them. */
  readonly told: Backend[];
  isTold: boolean;
  /** While routes have it compared. */
  outcomes: OutcomeMeter | undefined;
  /** How many routes do. */
  comparers: number;
  readonly queue: WaitList<Waiter>;
}

/** One instance. It lives until it is taken out, and its last request is done. */
export interface Endpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly backend: Backend;
  /** Requests that it is serving. */
  open: number;
  /** Requests that it was sent by this worker, up to so many as a program takes to warm up. */
  warmth: number;
  /** How many those may be now: 0 when it is down or on its way out. */
  openMax: number;
  /** `down` after it refused a connection; `suspect` when it may be tried again, by one request. */
  trust: "good" | "suspect" | "down";
  /** Whether it has come just now; is given more from moment to moment; or is as any other. */
  age: "new" | "warming" | "grown";
  /** Connections in a row that it has broken before it answered. */
  broken: number;
  /** How often in a row it was found down: each pause is longer than the one before. */
  downs: number;
  isDraining: boolean;
  /** Its idle connections of HTTP/1.1, for who keeps them: to look them up would be dearer. */
  pool: Channel[] | undefined;
  /** It was thawed for a request, and control has not said since that it is awake. */
  isWoken: boolean;
  /** How long the thawing took, where it was done here. */
  wokenMs: number | undefined;
}

/** One who asked for an instance of a backend. */
export interface Waiter {
  /** Called at most once for each time of asking; the endpoint counts one more until `giveBack`. */
  serve(endpoint: Endpoint): void;
  refuse(why: "full" | "gone"): void;
}

/** It is put into `told` while there is something to tell of it. */
export function makeBackend(id: string, limits: BackendLimits, told: Backend[] = []): Backend {
  return {
    id,
    revision: id.slice(id.lastIndexOf("/") + 1),
    limits,
    protocol: "http1",
    why: undefined,
    isGone: false,
    endpoints: [],
    frozen: [],
    next: 0,
    uses: 0,
    tally: makeTally(),
    told,
    isTold: false,
    outcomes: undefined,
    comparers: 0,
    queue: new WaitList<Waiter>(),
  };
}

export function makeEndpoint({ name, host, port }: EndpointSpec, backend: Backend): Endpoint {
  return {
    name,
    backend,
    open: 0,
    openMax: openMaxOf(backend),
    pool: undefined,
    warmth: 0,
    trust: "good",
    broken: 0,
    isDraining: false,
    age: "new",
    downs: 0,
    isWoken: false,
    wokenMs: undefined,
    host,
    port,
  };
}

/** These were thawed: they serve from now on, until control says so, or takes them out. */
export function awaken(backend: Backend, specs: readonly FrozenSpec[], wokenMs?: number): void {
  const awake = specs.map((spec) => {
    return Object.assign(makeEndpoint(spec, backend), { isWoken: true, wokenMs });
  });
  backend.endpoints = [...backend.endpoints, ...awake];
  backend.frozen = backend.frozen.filter((spec) => !specs.includes(spec));
}

/** After so many requests a program is as fast as it will be: until then it is not timed. */
export const WARM = 20;

/** What an instance of good standing may serve at once. */
export function openMaxOf({ limits }: Backend): number {
  return limits.concurrency === 0 ? Number.MAX_SAFE_INTEGER : limits.concurrency;
}
