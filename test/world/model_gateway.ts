import { ApiError } from "../../src/api/error.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { Change } from "../../src/gateway/protocol.ts";
import type {
  BackendSpec,
  Gateway,
  Load,
  RouteSpec,
  TlsSpec,
} from "../../src/gateway/route_table.ts";
import { Specs } from "../../src/gateway/specs.ts";

/** The simplest gateway: it checks and remembers what it is told, and has no workers. */
export class ModelGateway implements Gateway {
  readonly routes = new Map<string, RouteSpec>();
  readonly backends = new Map<string, BackendSpec>();
  readonly tls = new Map<string, TlsSpec>();
  /** What no gateway should be told: a sentence each. */
  readonly faults: string[] = [];
  /** Whether a Revision says of itself that it serves: whoever switches traffic goes by that. */
  saysItServes: (backend: string) => boolean = () => false;
  /** Whether a Revision shall not be started before it is asked for. */
  isStartedLate: (backend: string) => boolean = () => false;
  /** Set, it refuses all changes, as when a worker does not confirm them. */
  isDown = false;
  /** Called before a backend is put; may do something in between. */
  onPut: (backend: BackendSpec) => Promise<void> = async () => {};
  readonly #clock: Clock;
  #specs = new Specs();
  readonly #listeners = new Set<(backend: string) => void>();
  readonly #wokenListeners = new Set<(backend: string, ms: number) => void>();
  readonly #loadListeners = new Set<(loads: readonly Load[]) => void>();
  /** What was served before it was forgotten: to go on with that is no news. */
  #former = new Map<string, RouteSpec>();
  /** Requests that are open, by endpoint, and who waits for their end. */
  readonly #open = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async putRoute(route: RouteSpec): Promise<void> {
    this.#check();
    const idle = this.#idleTargetsOf(route);
    this.#apply(this.#specs.putRoute(route));
    this.faults.push(...idle);
  }

  async deleteRoute(id: string): Promise<void> {
    this.#check();
    this.#apply(this.#specs.deleteRoute(id));
  }

  async putBackend(backend: BackendSpec): Promise<void> {
    this.#check();
    await this.onPut(backend);
    if (backend.endpoints.length === 0 && this.saysItServes(backend.id)) {
      this.faults.push(`${backend.id} lost its last instance while it said that it serves`);
    }
    this.#apply(this.#specs.putBackend(backend));
  }

  async deleteBackend(id: string): Promise<void> {
    this.#check();
    this.#apply(this.#specs.deleteBackend(id));
  }

  async putTls(spec: TlsSpec): Promise<void> {
    this.#check();
    this.#apply(this.#specs.tls.put(spec));
  }

  async deleteTls(id: string): Promise<void> {
    this.#check();
    this.#apply(this.#specs.tls.delete(id));
  }

  async drained(endpoint: string, deadlineMs: number): Promise<void> {
    if (!this.#open.has(endpoint)) return;
    const over = Promise.withResolvers<void>();
    const look = () => {
      if (!this.#open.has(endpoint)) over.resolve();
    };
    this.#waiting.add(look);
    using _deadline = this.#clock.after(deadlineMs, over.resolve);
    await over.promise;
    this.#waiting.delete(look);
  }

  onWaiting(listener: (backend: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Says that a request waits for a backend. */
  wait(backend: string): void {
    for (const tell of this.#listeners) tell(backend);
  }

  onWoken(listener: (backend: string, ms: number) => void): Disposable {
    this.#wokenListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#wokenListeners.delete(listener) };
  }

  /** Says that a request has thawed what is frozen of a backend. */
  wake(backend: string, ms: number): void {
    for (const tell of this.#wokenListeners) tell(backend, ms);
  }

  onLoad(listener: (loads: readonly Load[]) => void): Disposable {
    this.#loadListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#loadListeners.delete(listener) };
  }

  /** Says what there was to do for backends in the last second. */
  load(...loads: readonly Load[]): void {
    for (const tell of this.#loadListeners) tell(loads);
  }

  /** Begins a request to an instance, and ends it on dispose. */
  begin(endpoint: string): Disposable {
    this.#count(endpoint, 1);
    return { [Symbol.dispose]: () => this.#count(endpoint, -1) };
  }

  /** As after a restart that no worker survived. */
  forget(): void {
    this.#specs = new Specs();
    this.#former = new Map(this.routes);
    this.routes.clear();
    this.backends.clear();
  }

  /** Whether an instance may still be sent requests, or has some. */
  isUsing(endpoint: string): boolean {
    const all = [...this.backends.values()].flatMap(({ endpoints, frozen = [] }) => {
      return [...endpoints, ...frozen];
    });
    return this.#open.has(endpoint) || all.some(({ name }) => name === endpoint);
  }

  /** How the requests to a host are shared out, as "default/hello-00001": 100. */
  splitOf(host: string): Readonly<Record<string, number>> {
    const specs = [...this.routes.values()].flatMap(({ hosts }) => hosts);
    const found = specs.find((it) => it.host === host);
    const shares = found?.split.map(({ backend, percent }) => [backend, percent] as const) ?? [];
    return Object.fromEntries(shares);
  }

  #count(endpoint: string, by: number): void {
    const count = (this.#open.get(endpoint) ?? 0) + by;
    if (count > 0) this.#open.set(endpoint, count);
    else this.#open.delete(endpoint);
    for (const look of [...this.#waiting]) look();
  }

  /** Hosts that are about to send requests for the first time where nobody can take them. */
  #idleTargetsOf({ id, hosts }: RouteSpec): readonly string[] {
    const before = (this.routes.get(id) ?? this.#former.get(id))?.hosts ?? [];
    return hosts.flatMap(({ host, split }) => {
      const last = before.find((it) => it.host === host)?.split ?? [];
      const known = new Set(last.filter((it) => it.percent > 0).map(({ backend }) => backend));
      return split
        .filter(({ backend, percent }) => percent > 0 && !known.has(backend))
        .filter(({ backend }) => !this.isStartedLate(backend))
        .filter(({ backend }) => (this.backends.get(backend)?.endpoints ?? []).length === 0)
        .map(({ backend }) => `host ${host} was switched to ${backend}, which has no instance`);
    });
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if ("putRoute" in change) this.routes.set(change.putRoute.id, change.putRoute);
      else if ("deleteRoute" in change) this.routes.delete(change.deleteRoute);
      else if ("putBackend" in change) this.backends.set(change.putBackend.id, change.putBackend);
      else if ("deleteBackend" in change) this.backends.delete(change.deleteBackend);
      else if ("putTls" in change) this.tls.set(change.putTls.id, change.putTls);
      else if ("deleteTls" in change) this.tls.delete(change.deleteTls);
    }
  }

  #check(): void {
    if (this.isDown) throw new ApiError("ServiceUnavailable", "worker 1 has not confirmed in time");
  }
}
