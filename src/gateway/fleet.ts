import { ApiError } from "../api/error.ts";
import { every } from "../base/clock.ts";
import type { Family } from "../base/metrics.ts";
import { batchesOf } from "./batches.ts";
import { Census } from "./census.ts";
import { Confirmations } from "./confirmations.ts";
import { Crew, type CrewOptions } from "./crew.ts";
import { type Explanation, merged, type Told } from "./explain.ts";
import type { Address } from "./front.ts";
import { LIMITS } from "./limits.ts";
import type { Member } from "./member.ts";
import {
  type Asking,
  type Change,
  isSameVersion,
  type Version,
  type WorkerHello,
} from "./protocol.ts";
import type {
  BackendSpec,
  Gateway,
  GatewaySettings,
  Load,
  RouteSpec,
  TlsSpec,
} from "./route_table.ts";
import { Specs } from "./specs.ts";
import { kill } from "./worker_process.ts";

export interface FleetOptions extends CrewOptions {
  /** What holds for all hosts; nothing special when left out. */
  readonly settings?: GatewaySettings;
}

export interface FleetStatus {
  readonly address: Address | undefined;
  /** Whether `settled` was called, by this control process or an earlier one. */
  readonly isSettled: boolean;
  readonly version: number;
  readonly routes: number;
  readonly backends: number;
  readonly workers: readonly WorkerStatus[];
}

export interface WorkerStatus {
  readonly name: string;
  readonly pid: number;
  readonly state: "starting" | "serving" | "retiring";
  /** The version it serves; less than the fleet's while it is behind. */
  readonly confirmed: number;
}

const TICKET_BYTES = 48;

/** A worker that serves an old table for this long, and says nothing, is stuck. */
const STUCK_MS = 30_000;

/** For a worker to answer a question. */
const ASK_MS = 2_000;

/** Two workers that tell of the same backend within this are heard as one. */
const TOLD_MS = 900;

/**
 * The gateway of the control process: worker processes that share one port and follow one table.
 * They outlive it. What an earlier control process had them serve is taken over as it is, by
 * reading it from the worker that has the newest, and served on until it is said again or until
 * `settled`: so nothing is wiped by a control process that does not know yet what there should be.
 */
export class Fleet implements Gateway, AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #crew: Crew;
  readonly #specs = new Specs();
  readonly #confirmations: Confirmations;
  readonly #listeners = new Set<(backend: string) => void>();
  readonly #wokenListeners = new Set<(backend: string, ms: number) => void>();
  /** What workers say of it to one who has just come, before anybody listens. */
  readonly #unheard = new Map<string, number>();
  readonly #loadListeners = new Set<(loads: readonly Load[]) => void>();
  readonly #told = new Map<string, number>();
  readonly #census: Census;
  #version: Version;
  #isSettled = false;
  /** What the workers were told of it. */
  #saidSettled = false;
  #isStarted = false;
  #tickets: Disposable | undefined;
  #pending: Change[] = [];
  #flushing: Promise<void> | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
    const isKnown = (id: string) => !this.#isSettled || this.#specs.hasBackend(id);
    this.#census = new Census({ ...options, isKnown });
    const { clock, chance } = options;
    this.#version = { epoch: chance.uuid(), number: 0 };
    this.#confirmations = new Confirmations({
      clock,
      counted: () => this.#counted(),
      late: () => this.#endStuck(),
    });
    const checked = () => this.#confirmations.check();
    const changed = () => {
      checked();
      this.#introduce();
      this.#census.fold(this.#crew.members);
    };
    this.#crew = new Crew(
      options,
      {
        greeted: (member, hello) => this.#greeted(member, hello),
        confirmed: checked,
        behind: (member) => this.#sendWhole(member),
        waiting: (backend) => this.#tell(backend),
        woke: (backend, ms) => this.#tellWoken(backend, ms),
        loads: (loads) => {
          for (const listener of this.#loadListeners) listener(loads);
        },
      },
      changed,
    );
  }

  /** Adopts the workers that run, and starts those that are missing. Resolves when all serve. */
  async start(): Promise<void> {
    await this.#takeOver(await this.#crew.adopt());
    const { settings } = this.#options;
    if (settings !== undefined) this.#pending.push(...this.#specs.putSettings(settings));
    this.#flush();
    this.#isStarted = true;
    if (!this.#specs.tls.hasTickets) this.#pending.push(...this.#newTickets());
    this.#tickets = every(this.#options.clock, LIMITS.tlsTicketsMs, () => {
      this.#pending.push(...this.#newTickets());
      this.#flushSoon();
    });
    await this.#crew.fill();
    this.#introduce();
  }

  /** One secret for all workers: a client that was with one is known to the others. */
  #newTickets(): readonly Change[] {
    const secret = this.#options.chance.token(TICKET_BYTES);
    return this.#specs.tls.put({ is: "tickets", id: "tickets", secret });
  }

  /** Where the workers listen; known from `start` on. */
  get address(): Address | undefined {
    return this.#crew.address;
  }

  /** The same for TLS, where there is any. */
  get tlsAddress(): Address | undefined {
    return this.#crew.tlsAddress;
  }

  /** How many workers serve. */
  get ready(): number {
    return this.#counted().filter(({ servingSince }) => servingSince !== undefined).length;
  }

  status(): FleetStatus {
    const workers = [...this.#crew.members].map((member) => {
      const { record, confirmed } = member;
      return { name: record.name, pid: record.id.pid, state: stateOf(member), confirmed };
    });
    const { number: version } = this.#version;
    const { address } = this;
    return { address, isSettled: this.#isSettled, version, ...this.#specs.counts, workers };
  }

  putRoute(route: RouteSpec): Promise<void> {
    return this.#commit(() => this.#specs.putRoute(route));
  }

  deleteRoute(id: string): Promise<void> {
    return this.#commit(() => this.#specs.deleteRoute(id));
  }

  putBackend(backend: BackendSpec): Promise<void> {
    return this.#commit(() => this.#specs.putBackend(backend));
  }

  deleteBackend(id: string): Promise<void> {
    return this.#commit(() => this.#specs.deleteBackend(id));
  }

  putTls(spec: TlsSpec): Promise<void> {
    return this.#commit(() => this.#specs.tls.put(spec));
  }

  deleteTls(id: string): Promise<void> {
    return this.#commit(() => this.#specs.tls.delete(id));
  }

  /**
   * To be called once, when every Route and every Revision that there is has been put once: what
   * was taken over and has not been said again goes, and from now on a host that is not in the
   * table is answered with 404, not with "come again".
   */
  settled(): Promise<void> {
    this.#isSettled = true;
    if (!this.#saidSettled) this.#flushSoon();
    return this.#commit(() => this.#specs.dropInherited());
  }

  /** What the workers count, and those before them have, summed, as metrics. */
  async metrics(): Promise<readonly Family[]> {
    await this.#census.take(this.#crew.members, ASK_MS);
    return this.#census.families;
  }

  /** Where a request would go now, by the word of the workers. Throws when none answers. */
  async explain(request: Asking): Promise<Explanation> {
    const asked = this.#counted().map((it) => it.ask({ about: "request", request }, ASK_MS));
    const told = (await Promise.all(asked)).filter((reply) => reply !== undefined);
    const explanation = merged(told as Told[]);
    if (explanation !== undefined) return explanation;
    throw new ApiError("ServiceUnavailable", "Cannot explain: no worker of the gateway answers");
  }

  async drained(endpoint: string, deadlineMs: number): Promise<void> {
    await this.#flushing;
    const over = new AbortController();
    const members = [...this.#crew.members].map((member) => member.drained(endpoint));
    const deadline = this.#options.clock.sleep(deadlineMs, { signal: over.signal });
    await Promise.race([Promise.all(members), deadline.catch(() => {})]);
    over.abort();
  }

  onWaiting(listener: (backend: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  onWoken(listener: (backend: string, ms: number) => void): Disposable {
    this.#wokenListeners.add(listener);
    for (const [backend, ms] of this.#unheard) listener(backend, ms);
    this.#unheard.clear();
    return { [Symbol.dispose]: () => void this.#wokenListeners.delete(listener) };
  }

  onLoad(listener: (loads: readonly Load[]) => void): Disposable {
    this.#loadListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#loadListeners.delete(listener) };
  }

  /** Puts a new worker in the place of each, one after another, and nothing is lost by it. */
  replaceWorkers(): Promise<void> {
    return this.#crew.replace();
  }

  /** Ends all workers: what is open there may finish until the deadline. Nothing is served then. */
  stopWorkers(deadlineMs = this.#options.limits?.["drainMs"] ?? LIMITS.drainMs): Promise<void> {
    return this.#crew.stop(deadlineMs);
  }

  /** Leaves the workers running: they serve what they were told last. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#tickets?.[Symbol.dispose]();
    return this.#crew[Symbol.asyncDispose]();
  }

  async #takeOver(adopted: readonly Member[]): Promise<void> {
    const number = (member: Member) => member.hello?.version?.number ?? 0;
    const newestFirst = adopted.toSorted((one, other) => number(other) - number(one));
    for (const source of newestFirst) {
      const before = source.hello?.version;
      const { changes, isSettled } = await source.read();
      if (source.isGone || before === undefined) continue;
      this.#specs.inherit(changes);
      this.#isSettled = isSettled;
      this.#version = { epoch: this.#version.epoch, number: before.number + 1 };
      this.#saidSettled = isSettled;
      const version = this.#version;
      const change = { type: "change", after: before, version, isSettled, changes: [] } as const;
      for (const member of adopted) {
        if (isSameVersion(member.hello?.version, before)) member.sendChange(change);
        else this.#sendWhole(member);
      }
      return;
    }
  }

  /** Until the start has taken over what there is, nothing is said to those who have it. */
  #greeted(member: Member, hello: WorkerHello): void {
    if (!this.#isStarted) return;
    this.#flush();
    if (isSameVersion(hello.version, this.#version)) member.confirm(this.#version.number);
    else this.#sendWhole(member);
    member.askAgain();
    this.#introduce();
  }

  /** Tells the workers of each other: together they keep the limits of the instances. */
  #introduce(): void {
    const serving = this.#counted().filter(({ servingSince }) => servingSince !== undefined);
    const specs = serving.map(({ record: { name, path, token } }) => ({ name, path, token }));
    for (const member of serving) {
      member.sendPeers(specs.filter(({ name }) => name !== member.record.name));
    }
  }

  #sendWhole(member: Member): void {
    this.#flush();
    const isSettled = this.#isSettled;
    member.sendWhole({ version: this.#version, isSettled, changes: this.#specs.changes() });
  }

  async #commit(change: () => readonly Change[]): Promise<void> {
    const changes = change();
    this.#pending.push(...changes);
    if (changes.length > 0) this.#flushSoon();
    await this.#flushing;
    await this.#confirmations.of(this.#version.number);
  }

  /** What is said in one turn of the event loop goes out together, before anything is stored. */
  #flushSoon(): void {
    this.#flushing ??= new Promise((resolve) => {
      process.nextTick(() => {
        this.#flushing = undefined;
        this.#flush();
        resolve();
      });
    });
  }

  #flush(): void {
    const pending = this.#pending;
    const isSettled = this.#isSettled;
    if (pending.length === 0 && isSettled === this.#saidSettled) return;
    this.#pending = [];
    this.#saidSettled = isSettled;
    const batches = pending.length === 0 ? [pending] : batchesOf(pending);
    for (const changes of batches) {
      const after = this.#version;
      this.#version = { epoch: after.epoch, number: after.number + 1 };
      const change = { type: "change", after, version: this.#version, isSettled, changes } as const;
      for (const member of this.#crew.members) if (member.hasTable) member.sendChange(change);
    }
  }

  /** Whoever has a table may be serving it. */
  #counted(): readonly Member[] {
    return [...this.#crew.members].filter(({ hasTable, isRetiring }) => hasTable && !isRetiring);
  }

  #endStuck(): void {
    const { clock, log } = this.#options;
    const now = clock.elapsed();
    for (const member of this.#counted()) {
      if (member.confirmed >= this.#version.number) continue;
      member.lateSince ??= now;
      if (now - member.lateSince < STUCK_MS) continue;
      const { record } = member;
      log.error({ worker: record.name, pid: record.id.pid }, "worker is stuck: killing it");
      void kill(record, clock);
    }
  }

  #tellWoken(backend: string, ms: number): void {
    if (this.#wokenListeners.size === 0) this.#unheard.set(backend, ms);
    for (const listener of this.#wokenListeners) listener(backend, ms);
  }

  #tell(backend: string): void {
    const { clock } = this.#options;
    const now = clock.elapsed();
    if (now - (this.#told.get(backend) ?? -Infinity) < TOLD_MS) return;
    this.#told.set(backend, now);
    clock.after(TOLD_MS, () => {
      if (this.#told.get(backend) === now) this.#told.delete(backend);
    });
    for (const listener of this.#listeners) listener(backend);
  }
}

function stateOf({ isRetiring, servingSince }: Member): WorkerStatus["state"] {
  if (isRetiring) return "retiring";
  return servingSince === undefined ? "starting" : "serving";
}
