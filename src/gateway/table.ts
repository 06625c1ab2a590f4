import { isDeepStrictEqual } from "node:util";
import { assert } from "../base/assert.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { type Backend, type Endpoint, makeBackend, makeEndpoint, openMaxOf } from "./backend.ts";
import { problemOfBackend, problemOfRoute } from "./check.ts";
import { AddressSet } from "./client_address.ts";
import { backendsOf, Compiler } from "./compile.ts";
import type { Special } from "./course.ts";
import { type Draw, turnIn } from "./draw.ts";
import { makeFrontCounts } from "./front_counts.ts";
import { Guard } from "./guard.ts";
import { HostMap } from "./host_map.ts";
import { KeySets } from "./key_sets.ts";
import { staysTold, takeLoad } from "./load.ts";
import { Orders } from "./order.ts";
import { OutcomeMeter } from "./outcomes.ts";
import type { Change } from "./protocol.ts";
import type {
  BackendLimits,
  BackendSpec,
  EndpointSpec,
  GatewaySettings,
  HostSpec,
  HttpsSpec,
  Load,
  RouteSpec,
} from "./route_table.ts";
import { HostSpecial, type SpecialParts } from "./special.ts";
import type { Steering } from "./steering.ts";
import { withHttps } from "./tls/https.ts";
import { TlsTable } from "./tls/tls_table.ts";
import { Witness } from "./witness.ts";

/** What the hot side asks: the host of a request, in lower case, leads to its rule. */
export type RouteTable = Pick<HostMap<Rule>, "get">;

/** How the requests to one host are shared out. It lives as long as the host is served. */
export interface Rule extends Draw {
  /** The id of the route that has the host. */
  route: string;
  /** What is to be looked at besides the shares; absent where that is nothing. */
  special: Special | undefined;
}

interface Compiled {
  readonly draw: Draw;
  readonly steering: Steering | undefined;
  readonly guard: Guard | undefined;
  readonly https: HttpsSpec | undefined;
}

type Instances = Pick<BackendSpec, "endpoints" | "frozen">;

const KEY_BYTES = 16;

export interface TableOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Of the access log; without it there is none. */
  readonly accessLogPath?: string | undefined;
  /** A request was let in that counts under a limit. */
  readonly spent?: () => void;
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
  readonly #rules = new HostMap<Rule>();
  readonly #backends = new Map<string, Backend>();
  /** Where there is something to tell of. */
  readonly #told: Backend[] = [];
  readonly #routeSpecs = new Map<string, RouteSpec>();
  readonly #backendSpecs = new Map<string, BackendSpec>();
  readonly #compared = new Set<Backend>();
  readonly #compiler: Compiler;
  readonly #special: SpecialParts;
  /** Certificates, and what else TLS needs. */
  readonly tls: TlsTable;
  /** What belongs to no revision. */
  readonly counts = makeFrontCounts();
  /** What requests came to is told to it. */
  readonly witness: Witness;
  /** They remember who has come how often, and which tokens were good. */
  readonly #guards = new Map<string, Guard>();
  #trusted = new AddressSet([]);
  #settings: GatewaySettings | undefined;
  /** Of the backend that came last. */
  #limits: BackendLimits | undefined;

  constructor(options: TableOptions) {
    this.#options = options;
    const { clock, chance, accessLogPath: path } = options;
    this.tls = new TlsTable({
      namespaceOf: (host) => this.#rules.get(host)?.route.split("/")[0],
      clock,
    });
    this.#compiler = new Compiler({
      orders: new Orders(),
      backend: (id) => this.#backends.get(id),
      first: (turns) => Math.floor(chance.fraction() * turns),
    });
    this.witness = new Witness({ clock, chance, counts: this.counts, path });
    this.#special = {
      clock,
      counts: this.counts,
      witness: this.witness,
      spent: options.spent ?? (() => {}),
      sets: new KeySets(clock),
      trusted: () => this.#trusted,
      newKey: () => chance.token(KEY_BYTES),
    };
  }

  get rules(): HostMap<Rule> {
    return this.#rules;
  }

  backend(id: string): Backend | undefined {
    return this.#backends.get(id);
  }

  get backends(): Iterable<Backend> {
    return this.#backends.values();
  }

  /** Those that were thawed here, which control has not confirmed, and how long that took. */
  get woken(): readonly (readonly [id: string, ms: number])[] {
    return [...this.#backends.values()].flatMap(({ id, endpoints }) => {
      const { wokenMs } = endpoints.find((it) => it.isWoken && it.wokenMs !== undefined) ?? {};
      return wokenMs === undefined ? [] : [[id, wokenMs] as const];
    });
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
    if (this.#settings !== undefined) yield { putSettings: this.#settings };
    for (const putBackend of this.#backendSpecs.values()) yield { putBackend };
    for (const putRoute of this.#routeSpecs.values()) yield { putRoute };
    yield* this.tls.changes();
    for (const { id, isGone } of this.#backends.values()) if (isGone) yield { deleteBackend: id };
  }

  /** What there was to do since the last time of asking. */
  takeLoads(nowMs: number): readonly Load[] {
    const told = this.#told.splice(0);
    const loads = told.flatMap((it) => (isUnused(it) ? [] : loadOf(it, nowMs)));
    for (const it of told) if (staysTold(it)) this.#told.push(it);
    return loads;
  }

  /** The same of those that a route has compared: it is waited for. */
  takeCompared(nowMs: number): readonly Load[] {
    return [...this.#compared].flatMap((backend) => loadOf(backend, nowMs));
  }

  apply(change: Change): void {
    if ("putRoute" in change) this.putRoute(change.putRoute);
    else if ("deleteRoute" in change) this.deleteRoute(change.deleteRoute);
    else if ("putBackend" in change) this.putBackend(change.putBackend);
    else if ("deleteBackend" in change) this.deleteBackend(change.deleteBackend);
    else if ("putSettings" in change) this.putSettings(change.putSettings);
    else if ("putTls" in change) this.tls.put(change.putTls);
    else this.tls.delete(change.deleteTls);
  }

  /** What holds for all hosts. */
  putSettings(settings: GatewaySettings): void {
    this.#settings = settings;
    this.witness.settings = settings;
    this.#trusted = new AddressSet(settings.trustedProxies ?? []);
  }

  get settings(): GatewaySettings {
    return this.#settings ?? {};
  }

  /** Those that count requests, by their route: for workers to tell each other. */
  get guards(): ReadonlyMap<string, Guard> {
    return this.#guards;
  }

  /** A host that another route has moves to this one, and keeps its place in the split. */
  putRoute(spec: RouteSpec): void {
    const problem = problemOfRoute(spec);
    assert(problem === undefined, `route "${spec.id}": ${problem}`);
    const compiled = this.#compile(spec);
    const before = this.#routeSpecs.get(spec.id);
    for (const id of backendsOf(spec)) this.#use(id, 1);
    for (const id of spec.compared ?? []) this.#compare(id, 1);
    this.#routeSpecs.set(spec.id, spec);
    for (const [host, parts] of compiled) this.#swap(spec.id, host, parts);
    const now = new Set(spec.hosts.map(({ host }) => host));
    for (const { host } of before?.hosts ?? []) if (!now.has(host)) this.#close(spec.id, host);
    if (before !== undefined) this.#release(before);
  }

  deleteRoute(id: string): void {
    const spec = this.#routeSpecs.get(id);
    if (spec === undefined) return;
    this.#routeSpecs.delete(id);
    this.#guards.delete(id);
    for (const { host } of spec.hosts) this.#close(id, host);
    this.#release(spec);
  }

  /** Endpoints that stay where they were keep their counters, queues and connections. */
  putBackend(spec: BackendSpec): void {
    const problem = problemOfBackend(spec);
    assert(problem === undefined, `backend "${spec.id}": ${problem}`);
    const limits = this.#shared(spec.limits);
    const backend = this.#backends.get(spec.id) ?? makeBackend(spec.id, limits, this.#told);
    this.#backends.set(spec.id, backend);
    this.#backendSpecs.set(spec.id, { ...spec, limits });
    backend.limits = limits;
    backend.why = spec.why;
    backend.protocol = spec.protocol ?? "http1";
    backend.isGone = false;
    this.#swapEndpoints(backend, spec);
    this.#options.changed(backend);
  }

  /** While a route still sends it a share, such requests are refused. */
  deleteBackend(id: string): void {
    const backend = this.#backends.get(id);
    if (backend === undefined) return;
    backend.isGone = true;
    this.#swapEndpoints(backend, { endpoints: [] });
    this.#options.changed(backend);
    this.#forgetIfUnused(backend);
  }

  /** Most have the same, which then are one object, in memory and in the cache. */
  #shared(limits: BackendLimits): BackendLimits {
    if (!isDeepStrictEqual(limits, this.#limits)) this.#limits = limits;
    return this.#limits ?? limits;
  }

  #compile(spec: RouteSpec) {
    const { id, hosts, steering } = spec;
    const steers = steering && this.#compiler.steering(id, steering);
    const guard = this.#guardOf(spec);
    return hosts.map(({ host, split, isTag = false, https }: HostSpec) => {
      const draw = this.#compiler.draw(split);
      return [host, { draw, steering: isTag ? undefined : steers, guard, https }] as const;
    });
  }

  /** One that stays the same goes on counting. */
  #guardOf({ id, guards }: RouteSpec): Guard | undefined {
    const known = this.#guards.get(id);
    if (known !== undefined && isDeepStrictEqual(known.spec, guards)) return known;
    if (guards === undefined) {
      this.#guards.delete(id);
      return undefined;
    }
    const guard = new Guard(guards, this.#special);
    this.#guards.set(id, guard);
    return guard;
  }

  /** The rule is the draw of what is special about it, so that both take turns together. */
  #swap(route: string, host: string, { draw, steering, guard, https }: Compiled): void {
    const known = this.#rules.own(host);
    const turn = known === undefined ? draw.turn : turnIn(draw.order, known);
    const { order, backends } = draw;
    const rule = known ?? { order, turn, backends, special: undefined, route };
    Object.assign(rule, { order, turn, backends, route });
    const isPlain = steering === undefined && guard === undefined;
    const options = { draw: rule, steering, guard };
    const special = isPlain ? undefined : new HostSpecial(this.#special, options);
    rule.special = withHttps(https, special, rule);
    this.#rules.set(host, rule);
  }

  #close(route: string, host: string): void {
    if (this.#rules.own(host)?.route === route) this.#rules.delete(host);
  }

  #release(spec: RouteSpec): void {
    for (const id of spec.compared ?? []) this.#compare(id, -1);
    for (const id of backendsOf(spec)) {
      const backend = this.#use(id, -1);
      if (backend !== undefined) this.#forgetIfUnused(backend);
    }
  }

  #use(id: string, by: number): Backend | undefined {
    const backend = this.#backends.get(id);
    if (backend !== undefined) backend.uses += by;
    return backend;
  }

  #compare(id: string, by: number): void {
    const backend = this.#backends.get(id);
    if (backend === undefined) return;
    backend.comparers += by;
    if (backend.comparers > 0) this.#compared.add(backend);
    else this.#compared.delete(backend);
    backend.outcomes = backend.comparers > 0 ? (backend.outcomes ?? new OutcomeMeter()) : undefined;
  }

  #forgetIfUnused(backend: Backend): void {
    if (!isUnused(backend)) return;
    this.#backends.delete(backend.id);
    this.#backendSpecs.delete(backend.id);
  }

  #swapEndpoints(backend: Backend, { endpoints, frozen = [] }: Instances): void {
    const before = backend.endpoints;
    const known = new Map(before.map((endpoint) => [endpoint.name, endpoint]));
    const knownAs = (spec: EndpointSpec) => {
      const endpoint = known.get(spec.name);
      return endpoint?.host === spec.host && endpoint.port === spec.port ? endpoint : undefined;
    };
    const ready = endpoints.map((spec) => knownAs(spec) ?? makeEndpoint(spec, backend));
    for (const endpoint of ready) endpoint.isWoken = false;
    // Control has not heard of it yet that they are not frozen any more.
    const woken = frozen.flatMap((spec) => knownAs(spec) ?? []).filter((it) => it.isWoken);
    const now = [...ready, ...woken];
    backend.endpoints = now;
    backend.frozen = frozen.filter((spec) => !woken.some(({ name }) => name === spec.name));
    if (backend.next >= now.length) backend.next = 0;
    for (const endpoint of now) {
      if (endpoint.trust === "good" && endpoint.age !== "warming")
        endpoint.openMax = openMaxOf(backend);
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

/** Then the table has forgotten it. */
function isUnused({ isGone, uses }: Backend): boolean {
  return isGone && uses === 0;
}

function loadOf(backend: Backend, nowMs: number): readonly Load[] {
  const outcomes = backend.outcomes?.take();
  const taken = takeLoad(backend, nowMs);
  if (outcomes === undefined) return taken === undefined ? [] : [taken];
  if (taken === undefined && outcomes.ended === 0) return [];
  return [{ backend: backend.id, busyMs: 0, requests: 0, ...taken, outcomes }];
}
