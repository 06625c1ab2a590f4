import { assert } from "../base/assert.ts";
import type { Chance } from "../base/chance.ts";
import { type Backend, type Endpoint, makeBackend, makeEndpoint, openMaxOf } from "./backend.ts";
import { problemOfBackend, problemOfRoute } from "./check.ts";
import type { Change } from "./protocol.ts";
import type { BackendSpec, EndpointSpec, HostSpec, Load, RouteSpec } from "./route_table.ts";

/** What the hot side asks: the host of a request, in lower case, leads to its rule. */
export type RouteTable = ReadonlyMap<string, Rule>;

/** How the requests to one host are shared out. It lives as long as the host is served. */
export interface Rule {
  /** The id of the route that has the host. */
  route: string;
  /** Replaced as a whole, never changed in place. */
  split: readonly Slice[];
  /** Of the next request, from 0 to 99. */
  ticket: number;
}

/** Tickets up to and with `last`, after those of the slice before, lead to `backend`. */
export interface Slice {
  readonly last: number;
  readonly backend: Backend;
}

export interface TableOptions {
  readonly chance: Chance;
  /** There are other endpoints now, or other limits, or the backend is gone. */
  readonly changed: (backend: Backend) => void;
  /** Nothing new is sent there; its open requests go on. */
  readonly takenOut: (endpoint: Endpoint) => void;
}

/**
 * Compiles what the control process says into what the hot side reads. Each change costs its own
 * size, whatever that of the table, and shows as one swapped reference: a request sees the old
 * split or the new, and the old endpoints or the new. What is said is asserted: `Specs` has
 * refused what is wrong, with words for its author.
 */
export class Table {
  readonly #options: TableOptions;
  readonly #rules = new Map<string, Rule>();
  readonly #backends = new Map<string, Backend>();
  readonly #routeSpecs = new Map<string, RouteSpec>();
  readonly #backendSpecs = new Map<string, BackendSpec>();

  constructor(options: TableOptions) {
    this.#options = options;
  }

  get rules(): RouteTable {
    return this.#rules;
  }

  backend(id: string): Backend | undefined {
    return this.#backends.get(id);
  }

  get routeIds(): readonly string[] {
    return [...this.#routeSpecs.keys()];
  }

  /** Those that are gone are among them while a route still sends them a share. */
  get backendIds(): readonly string[] {
    return [...this.#backends.keys()];
  }

  /** What would make this table out of an empty one. */
  *changes(): Iterable<Change> {
    for (const putBackend of this.#backendSpecs.values()) yield { putBackend };
    for (const putRoute of this.#routeSpecs.values()) yield { putRoute };
    for (const { id, isGone } of this.#backends.values()) if (isGone) yield { deleteBackend: id };
  }

  /** What there was to do since the last time of asking. */
  takeLoads(nowMs: number): readonly Load[] {
    return [...this.#backends.values()].flatMap(({ id, load }) => load.take(id, nowMs) ?? []);
  }

  apply(change: Change): void {
    if ("putRoute" in change) this.putRoute(change.putRoute);
    else if ("deleteRoute" in change) this.deleteRoute(change.deleteRoute);
    else if ("putBackend" in change) this.putBackend(change.putBackend);
    else this.deleteBackend(change.deleteBackend);
  }

  /** A host that another route has moves to this one, and keeps its place in the split. */
  putRoute(spec: RouteSpec): void {
    const problem = problemOfRoute(spec);
    assert(problem === undefined, `route "${spec.id}": ${problem}`);
    const compiled = spec.hosts.map((host) => [host.host, this.#compile(host)] as const);
    const before = this.#routeSpecs.get(spec.id);
    this.#routeSpecs.set(spec.id, spec);
    for (const [host, split] of compiled) this.#swap(spec.id, host, split);
    const now = new Set(spec.hosts.map(({ host }) => host));
    for (const { host } of before?.hosts ?? []) if (!now.has(host)) this.#close(spec.id, host);
  }

  deleteRoute(id: string): void {
    const spec = this.#routeSpecs.get(id);
    this.#routeSpecs.delete(id);
    for (const { host } of spec?.hosts ?? []) this.#close(id, host);
  }

  /** Endpoints that stay where they were keep their counters, queues and connections. */
  putBackend(spec: BackendSpec): void {
    const problem = problemOfBackend(spec);
    assert(problem === undefined, `backend "${spec.id}": ${problem}`);
    const backend = this.#backends.get(spec.id) ?? makeBackend(spec.id, spec.limits);
    this.#backends.set(spec.id, backend);
    this.#backendSpecs.set(spec.id, spec);
    backend.limits = spec.limits;
    backend.why = spec.why;
    backend.isGone = false;
    this.#swapEndpoints(backend, spec.endpoints);
    this.#options.changed(backend);
  }

  /** While a route still sends it a share, such requests are refused. */
  deleteBackend(id: string): void {
    const backend = this.#backends.get(id);
    if (backend === undefined) return;
    backend.isGone = true;
    this.#swapEndpoints(backend, []);
    this.#options.changed(backend);
    this.#forgetIfUnused(backend);
  }

  #compile({ host, split }: HostSpec): readonly Slice[] {
    const slices: Slice[] = [];
    let tickets = 0;
    for (const { backend: id, percent } of split) {
      if (percent === 0) continue;
      const backend = this.#backends.get(id);
      assert(backend !== undefined, `host "${host}": backend "${id}" is not known`);
      tickets += percent;
      slices.push({ last: tickets - 1, backend });
    }
    return slices;
  }

  #swap(route: string, host: string, split: readonly Slice[]): void {
    for (const { backend } of split) backend.uses += 1;
    const rule = this.#rules.get(host);
    if (rule === undefined) {
      // Workers that all began at the same ticket would all send their first requests to one share.
      const ticket = Math.floor(this.#options.chance.fraction() * 100);
      this.#rules.set(host, { route, split, ticket });
      return;
    }
    const before = rule.split;
    rule.route = route;
    rule.split = split;
    this.#release(before);
  }

  #close(route: string, host: string): void {
    const rule = this.#rules.get(host);
    if (rule?.route !== route) return;
    this.#rules.delete(host);
    this.#release(rule.split);
  }

  #release(split: readonly Slice[]): void {
    for (const { backend } of split) {
      backend.uses -= 1;
      this.#forgetIfUnused(backend);
    }
  }

  #forgetIfUnused(backend: Backend): void {
    if (!backend.isGone || backend.uses > 0) return;
    this.#backends.delete(backend.id);
    this.#backendSpecs.delete(backend.id);
  }

  #swapEndpoints(backend: Backend, specs: readonly EndpointSpec[]): void {
    const before = backend.endpoints;
    const known = new Map(before.map((endpoint) => [endpoint.name, endpoint]));
    const now = specs.map((spec) => {
      const endpoint = known.get(spec.name);
      const isSame = endpoint?.host === spec.host && endpoint.port === spec.port;
      return isSame ? endpoint : makeEndpoint(spec, backend);
    });
    backend.endpoints = now;
    if (backend.next >= now.length) backend.next = 0;
    for (const endpoint of now) {
      if (endpoint.trust === "good") endpoint.openMax = openMaxOf(backend);
    }
    const stay = new Set(now);
    for (const endpoint of before) if (!stay.has(endpoint)) this.#takeOut(endpoint);
  }

  #takeOut(endpoint: Endpoint): void {
    endpoint.isDraining = true;
    endpoint.openMax = 0;
    this.#options.takenOut(endpoint);
  }
}
