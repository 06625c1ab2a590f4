import { createServer } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../api/error.ts";
import { type Backoff, delayMs } from "../base/backoff.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { signal } from "../base/process.ts";
import type { Address } from "./front.ts";
import { LIMITS, type SetLimits } from "./limits.ts";
import { Member, type MemberEvents } from "./member.ts";
import { PROTOCOL, TABLE_SINCE, type WorkerHello } from "./protocol.ts";
import { WorkerFiles, type WorkerRecord } from "./worker_files.ts";
import { end, isThere, kill, startWorker } from "./worker_process.ts";

export interface CrewOptions {
  readonly home: string;
  readonly host: string;
  /** 0 is any free one: that of the workers that run already, or what the first one picks. */
  readonly port: number;
  /** The same for TLS; none when left out. */
  readonly tls?: Address | undefined;
  readonly workers: number;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  /** The program that runs a worker: the one that runs us, when left out. */
  readonly nodePath?: string;
  readonly nodeArgs?: readonly string[];
  /**
   * Where workers keep what Node has compiled: they start in a third of the time, and take two
   * thirds of the memory, when they need not strip types. Under the home when left out.
   */
  readonly compileCache?: string;
  /** Those of the data plane that an operator has set; see `limits.ts`. */
  readonly limits?: SetLimits;
}

const BACKOFF: Backoff = { firstMs: 50, mostMs: 10_000 };

/** A worker that lived this long did not end for something that is wrong from the start. */
const LIVED_MS = 10_000;

/** For a worker whose time to drain is over to end by itself. */
const LATE_MS = 2_000;

/** From its start to its open port. */
const START_MS = 20_000;

/** Keeps so many workers running: adopts those that are there, starts the rest, and again. */
export class Crew implements AsyncDisposable {
  readonly #options: CrewOptions;
  readonly #events: MemberEvents;
  readonly #files: WorkerFiles;
  readonly #members = new Set<Member>();
  readonly #strangers: Member[] = [];
  readonly #revivals = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #port: number;
  #tls: Address | undefined;
  readonly #changed: () => void;
  #failures = 0;
  #replacing: Promise<void> | undefined;

  /** `changed` is called when a worker has come or gone. */
  constructor(options: CrewOptions, events: Omit<MemberEvents, "gone">, changed: () => void) {
    this.#options = options;
    this.#files = new WorkerFiles(options.home);
    this.#port = options.port;
    this.#tls = options.tls;
    this.#changed = changed;
    this.#events = {
      ...events,
      gone: (member) => {
        this.#lost(member);
        changed();
      },
    };
  }

  /** All that run, with those that are on their way in or out. */
  get members(): ReadonlySet<Member> {
    return this.#members;
  }

  /** Known once a worker serves. */
  get address(): Address | undefined {
    return this.#port === 0 ? undefined : { host: this.#options.host, port: this.#port };
  }

  /** The same for TLS. */
  get tlsAddress(): Address | undefined {
    return this.#tls?.port === 0 ? undefined : this.#tls;
  }

  /**
   * Finds the workers of an earlier control process; answers with those whose table can be read.
   * Of these, who cannot stay serves and hears of changes until others are there.
   */
  async adopt(): Promise<readonly Member[]> {
    this.#files.prepare();
    const found = await Promise.all(this.#files.readAll().map((record) => this.#meet(record)));
    const met = found.filter((member) => member !== undefined);
    for (const member of met.toSorted((one, other) => one.record.slot - other.record.slot)) {
      const { hello } = member;
      if (hello !== undefined && canBeRead(hello)) this.#admit(member, hello);
      else this.#strangers.push(member);
    }
    return [...this.#members];
  }

  #admit(member: Member, hello: WorkerHello): void {
    const { host, workers, limits = {} } = this.#options;
    const { port, tls } = hello;
    const isPort = isAlike({ host, port: this.#port }, hello) && isAlike(this.#tls, tls);
    const isBounded = isDeepStrictEqual(member.record.limits ?? {}, limits);
    if (isPort) {
      this.#port = port;
      this.#tls = tls;
    }
    const isOurs = hello.protocol === PROTOCOL && isPort && isBounded;
    member.isRetiring = !isOurs || this.#staying >= workers;
    this.#members.add(member);
    member.serves({ port, ...(tls && { tlsPort: tls.port }) });
  }

  /** How many there are that nobody has sent away. */
  get #staying(): number {
    return [...this.#members].filter(({ isRetiring }) => !isRetiring).length;
  }

  /** Starts what is missing; then those that cannot stay may go. */
  async fill(): Promise<void> {
    const { workers, host } = this.#options;
    const before = [...this.#members, ...this.#strangers];
    const there = before.map(({ hello }) => hello);
    for (const wanted of [{ host, port: this.#port }, this.#tls]) {
      const isHeld = there.some((it) => isAlike(wanted, it) || isAlike(wanted, it?.tls));
      if (wanted !== undefined && wanted.port !== 0 && !isHeld) await assertFree(wanted);
    }
    // With port 0 the first one picks for all.
    if (this.#staying === 0) await this.#bring();
    const missing = workers - this.#staying;
    await Promise.all(Array.from({ length: missing }, () => this.#bring()));
    for (const member of before) if (member.isRetiring) this.#retire(member);
    for (const stranger of this.#strangers.splice(0)) {
      this.#retire(stranger);
      // It is of another protocol, so it is told by a signal, and then left alone.
      this.#files.remove(stranger.record);
      stranger.detach();
    }
  }

  /**
   * Puts a new worker in the place of each, one after another: the new one serves before the old
   * one takes no more, and what is open there finishes first. For workers of a newer Varve.
   */
  replace(): Promise<void> {
    this.#replacing ??= this.#replaceAll().finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  async #replaceAll(): Promise<void> {
    const { clock, log, limits } = this.#options;
    const drainMs = limits?.["drainMs"] ?? LIMITS.drainMs;
    for (const member of [...this.#members]) {
      if (this.#closing.signal.aborted) return;
      if (member.isGone || member.isRetiring) continue;
      await this.#bring();
      const { record } = member;
      log.info({ worker: record.name, pid: record.id.pid }, "worker is replaced: it drains");
      // It still hears of changes, and counts for instances that wait until nothing is open there.
      member.isRetiring = true;
      this.#changed();
      await end(record, clock, drainMs + LATE_MS);
    }
  }

  /** Ends all workers: each takes no more, and what is open may finish until the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#revivals);
    const { clock } = this.#options;
    const all = [...this.#members, ...this.#strangers.splice(0)];
    for (const member of all) member.isRetiring = true;
    await Promise.all(all.map(({ record }) => end(record, clock, deadlineMs + LATE_MS)));
    for (const { record } of all) this.#files.remove(record);
    for (const member of all) member.detach();
    this.#members.clear();
    this.#files.close();
  }

  /** Leaves the workers running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#revivals);
    for (const member of [...this.#members, ...this.#strangers]) member.detach();
  }

  async #meet(record: WorkerRecord): Promise<Member | undefined> {
    if (!isThere(record)) {
      this.#files.remove(record);
      return undefined;
    }
    const member = this.#member(record);
    await member.met;
    return member.isGone ? undefined : member;
  }

  #member(record: WorkerRecord): Member {
    const { clock } = this.#options;
    const member = new Member({ record, clock, events: this.#events });
    member.start();
    return member;
  }

  /** Starts one worker; resolves when it serves. */
  async #bring(): Promise<void> {
    const { clock, host, log } = this.#options;
    const { nodePath = process.execPath, nodeArgs = [], chance } = this.#options;
    const { compileCache = this.#files.compiledPath, limits = {} } = this.#options;
    const node = { nodePath, nodeArgs, compileCache, limits };
    const used = new Set([...this.#members].map(({ record }) => record.slot));
    const slot = Array.from({ length: used.size + 1 }, (_, at) => at).find((at) => !used.has(at));
    const ports = { host, port: this.#port, tls: this.#tls };
    const start = { files: this.#files, chance, slot: slot ?? 0 };
    const record = startWorker({ ...start, ...ports, ...node });
    const member = this.#member(record);
    this.#members.add(member);
    const late = clock.after(START_MS, () => void kill(record, clock));
    try {
      const { port, tlsPort } = await member.listening;
      this.#port = port;
      if (this.#tls !== undefined && tlsPort !== undefined) {
        this.#tls = { host: this.#tls.host, port: tlsPort };
      }
      log.info({ worker: record.name, pid: record.id.pid, port: this.#port }, "worker serves");
      this.#changed();
    } catch (thrown) {
      this.#members.delete(member);
      member.detach();
      await kill(record, clock);
      this.#files.remove(record);
      const why = (thrown as Error).message;
      const where = this.#files.logPath(record.slot);
      const message = `Cannot start gateway worker "${record.name}": ${why} (log: ${where})`;
      throw new ApiError("ServiceUnavailable", message, { cause: thrown });
    } finally {
      late[Symbol.dispose]();
    }
  }

  #retire(member: Member): void {
    const { record, hello } = member;
    const why = { worker: record.name, protocol: hello?.protocol, port: hello?.port };
    this.#options.log.info(
      why,
      "worker retires: another protocol, address or limits, or one too many",
    );
    member.isRetiring = true;
    signal(record.id, "SIGTERM");
  }

  #lost(member: Member): void {
    const { clock, log } = this.#options;
    const { record, isRetiring, servingSince } = member;
    if (!this.#members.delete(member)) return;
    this.#files.remove(record);
    if (isRetiring || servingSince === undefined || this.#closing.signal.aborted) return;
    log.warn({ worker: record.name, pid: record.id.pid }, "worker ended: starting another");
    if (clock.elapsed() - servingSince > LIVED_MS) this.#failures = 0;
    const revival = this.#revive().finally(() => this.#revivals.delete(revival));
    this.#revivals.add(revival);
  }

  async #revive(): Promise<void> {
    const { clock, chance, log } = this.#options;
    const { signal: closing } = this.#closing;
    while (!closing.aborted) {
      const ms = delayMs(BACKOFF, this.#failures, chance);
      this.#failures += 1;
      try {
        await clock.sleep(ms, { signal: closing });
        await this.#bring();
        return;
      } catch (thrown) {
        if (!closing.aborted) log.error({ err: thrown }, "worker did not start: trying again");
      }
    }
  }
}

/** Without a version it never served, and its port is still open to choice. */
function canBeRead({ protocol, version }: WorkerHello): boolean {
  return version !== undefined && protocol >= TABLE_SINCE && protocol <= PROTOCOL;
}

/** Whether one has what is wanted, where port 0 is any. Nothing is as good as nothing. */
function isAlike(wanted: Address | undefined, has: Address | undefined): boolean {
  if (wanted === undefined || has === undefined) return wanted === has;
  return wanted.host === has.host && (wanted.port === 0 || wanted.port === has.port);
}

/** Workers share a port with whoever shares it too, so nobody else may have it to begin with. */
async function assertFree({ host, port }: Address): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const probe = createServer();
  probe.once("error", reject);
  probe.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (thrown) {
    const why = (thrown as Error).message;
    const message = `Cannot serve on ${host}:${port}: ${why}; free the port, or choose another`;
    throw new ApiError("ServiceUnavailable", message, { cause: thrown });
  }
  await new Promise((done) => probe.close(done));
}
