import type { Pool } from "./h1/pools.ts";
import { LoadMeter } from "./load.ts";
import type { OutcomeMeter } from "./outcomes.ts";
import type { BackendLimits, EndpointSpec, FrozenSpec } from "./route_table.ts";
import { makeTally, type Tally } from "./tally.ts";
import { WaitList } from "./wait_list.ts";

/** One revision, as the hot side reads it. It lives on over all its updates. */
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
  readonly load: LoadMeter;
  readonly tally: Tally;
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
  /** Its connections of HTTP/1.1, for who keeps them: to look them up would be dearer. */
  pool: Pool | undefined;
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

/** `told` gets its meter while there is something to tell of it. */
export function makeBackend(id: string, limits: BackendLimits, told: LoadMeter[] = []): Backend {
  const revision = id.slice(id.lastIndexOf("/") + 1);
  const queue = new WaitList<Waiter>();
  const protocol = "http1" as const;
  const state = { protocol, why: undefined, isGone: false, endpoints: [], next: 0, uses: 0 };
  const frozen: readonly FrozenSpec[] = [];
  const load = new LoadMeter(id, told);
  const meters = { load, tally: makeTally(), outcomes: undefined, comparers: 0 };
  return { id, revision, limits, ...state, frozen, ...meters, queue };
}

export function makeEndpoint({ name, host, port }: EndpointSpec, backend: Backend): Endpoint {
  const state = { open: 0, openMax: openMaxOf(backend), trust: "good", age: "new" } as const;
  const counts = { warmth: 0, broken: 0, downs: 0, isDraining: false, pool: undefined };
  const waking = { isWoken: false, wokenMs: undefined };
  return { name, host, port, backend, ...state, ...counts, ...waking };
}

/** These were thawed: they serve from now on, until control says so, or takes them out. */
export function awaken(backend: Backend, specs: readonly FrozenSpec[], wokenMs?: number): void {
  const awake = specs.map((spec) => ({ ...makeEndpoint(spec, backend), isWoken: true, wokenMs }));
  backend.endpoints = [...backend.endpoints, ...awake];
  backend.frozen = backend.frozen.filter((spec) => !specs.includes(spec));
}

/** After so many requests a program is as fast as it will be: until then it is not timed. */
export const WARM = 20;

/** What an instance of good standing may serve at once. */
export function openMaxOf({ limits }: Backend): number {
  return limits.concurrency === 0 ? Number.MAX_SAFE_INTEGER : limits.concurrency;
}
