import { connect } from "node:net";
import type { Clock } from "../base/clock.ts";
import { isRunning } from "../base/process.ts";
import { batchesOf } from "./batches.ts";
import type { Ports } from "./control_port.ts";
import { Link } from "./link.ts";
import type { PeerSpec } from "./peer_protocol.ts";
import {
  type Change,
  PROTOCOL,
  type Question,
  type ToControl,
  type ToWorker,
  type Version,
  type WorkerHello,
} from "./protocol.ts";
import type { Load } from "./route_table.ts";
import type { WorkerRecord } from "./worker_files.ts";
import { kill } from "./worker_process.ts";

export interface MemberEvents {
  /** The link is up, for the first time or again: the member has to be brought up to date. */
  greeted(member: Member, hello: WorkerHello): void;
  confirmed(member: Member): void;
  behind(member: Member): void;
  waiting(backend: string): void;
  woke(backend: string, ms: number): void;
  loads(loads: readonly Load[]): void;
  /** The process has ended. */
  gone(member: Member): void;
}

export interface MemberOptions {
  readonly record: WorkerRecord;
  readonly clock: Clock;
  readonly events: MemberEvents;
}

export interface Whole {
  readonly version: Version;
  readonly isSettled: boolean;
  readonly changes: Iterable<Change>;
}

export type Delta = Extract<ToWorker, { readonly type: "change" }>;

const RETRY_MS = 20;

/** A worker that runs, and yet cannot be reached for this long, is of no use. */
const UNREACHED_MS = 10_000;

/** One worker, as the control process sees it. */
export class Member {
  readonly record: WorkerRecord;
  readonly #clock: Clock;
  readonly #events: MemberEvents;
  readonly #listening = Promise.withResolvers<Ports>();
  readonly #asked = new Map<number, { readonly endpoint: string; readonly tell: () => void }>();
  #link: Link<ToWorker, ToControl> | undefined;
  #read: { readonly parts: Change[]; readonly done: () => void; isSettled: boolean } | undefined;
  #asks = 0;
  readonly #questions = new Map<number, (reply: unknown) => void>();
  #isDetached = false;
  readonly #met = Promise.withResolvers<void>();
  /** What it said of itself, the last time it was asked. */
  hello: WorkerHello | undefined;
  /** The number of the table that it serves, of our own epoch. */
  confirmed = -1;
  /** When the first change that it has not confirmed was missed. */
  lateSince: number | undefined;
  /** Whether a table was sent, so that it may be serving. */
  hasTable = false;
  servingSince: number | undefined;
  isRetiring = false;
  isGone = false;

  constructor({ record, clock, events }: MemberOptions) {
    this.record = record;
    this.#clock = clock;
    this.#events = events;
    this.#listening.promise.catch(() => {});
  }

  /** The ports it serves, once it does. Rejects when it cannot, or ends before. */
  get listening(): Promise<Ports> {
    return this.#listening.promise;
  }

  /** Resolves when it has said hello, or is gone. */
  get met(): Promise<void> {
    return this.#met.promise;
  }

  /** Connects, and keeps at it for as long as the process is there. */
  start(): void {
    void this.#connect();
  }

  /** Its table, as an earlier control process left it. */
  async read(): Promise<{ readonly changes: readonly Change[]; readonly isSettled: boolean }> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const read = { parts: [], done: resolve, isSettled: false };
    this.#read = read;
    this.#link?.send({ type: "read" });
    await promise;
    return { changes: read.parts, isSettled: read.isSettled };
  }

  sendWhole({ version, isSettled, changes }: Whole): void {
    this.hasTable = true;
    for (const part of batchesOf(changes)) this.#link?.send({ type: "part", changes: part });
    this.#link?.send({ type: "commit", version, isSettled });
  }

  sendChange(change: Delta): void {
    this.hasTable = true;
    this.#link?.send(change);
  }

  sendPeers(peers: readonly PeerSpec[]): void {
    this.#link?.send({ type: "peers", self: this.record.name, peers });
  }

  /** Resolves when nothing is open at an instance that was taken out. */
  drained(endpoint: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.isGone) return Promise.resolve();
    this.#asks += 1;
    this.#asked.set(this.#asks, { endpoint, tell: resolve });
    this.#link?.send({ type: "drained", ask: this.#asks, endpoint });
    return promise;
  }

  /** Answers within the time, or not at all. */
  async ask(question: Question, deadlineMs: number): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    if (this.isGone || this.#link === undefined) return undefined;
    this.#asks += 1;
    const ask = this.#asks;
    this.#questions.set(ask, resolve);
    using _late = this.#clock.after(deadlineMs, () => resolve(undefined));
    this.#link.send({ type: "question", ask, question });
    const reply = await promise;
    this.#questions.delete(ask);
    return reply;
  }

  /** Asks again what a lost link has not answered; to be called when it is up to date again. */
  askAgain(): void {
    for (const [ask, { endpoint }] of this.#asked)
      this.#link?.send({ type: "drained", ask, endpoint });
  }

  /** Lets it be: it goes on without us. */
  detach(): void {
    this.#isDetached = true;
    this.#link?.close();
  }

  /** Connects until there is an answer. Whoever runs and never answers is killed. */
  async #connect(): Promise<void> {
    const deadline = this.#clock.elapsed() + UNREACHED_MS;
    while (!this.#isDetached) {
      if (!isRunning(this.record.id)) {
        this.#end();
        return;
      }
      if (this.#clock.elapsed() > deadline) await kill(this.record, this.#clock);
      else if (await this.#greet(deadline)) return;
      else await this.#clock.sleep(RETRY_MS);
    }
  }

  /** Says hello; answers whether it was answered. From then on the link looks after itself. */
  #greet(deadline: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let isGreeted = false;
    const link = new Link<ToWorker, ToControl>(connect(this.record.path), {
      receive: (message) => {
        if (!isGreeted && message.type === "hello") {
          isGreeted = true;
          this.#link = link;
          this.hello = message;
          resolve(true);
          this.#met.resolve();
          this.#events.greeted(this, message);
        } else if (isGreeted) this.#receive(message);
      },
      closed: () => {
        resolve(false);
        if (!isGreeted) return;
        this.#link = undefined;
        void this.#connect();
      },
    });
    const late = this.#clock.after(deadline - this.#clock.elapsed(), () => {
      if (!isGreeted) link.close();
    });
    void promise.then(() => late[Symbol.dispose]());
    link.send({ type: "hello", protocol: PROTOCOL, token: this.record.token });
    return promise;
  }

  #receive(message: ToControl): void {
    if (message.type === "part") this.#read?.parts.push(...message.changes);
    if (message.type === "whole" && this.#read !== undefined) {
      this.#read.isSettled = message.isSettled;
      this.#read.done();
    }
    if (message.type === "listening") this.serves(message);
    if (message.type === "failed") this.#listening.reject(new Error(message.message));
    if (message.type === "behind") this.#events.behind(this);
    if (message.type === "loads") this.#events.loads(message.loads);
    if (message.type === "waiting") this.#events.waiting(message.backend);
    if (message.type === "woke") this.#events.woke(message.backend, message.ms);
    if (message.type === "confirmed") this.confirm(message.version.number);
    if (message.type === "reply") this.#questions.get(message.ask)?.(message.reply);
    if (message.type === "drained") {
      this.#asked.get(message.ask)?.tell();
      this.#asked.delete(message.ask);
    }
  }

  /** It has told that it serves this change, and all before it. */
  confirm(number: number): void {
    this.confirmed = Math.max(this.confirmed, number);
    this.lateSince = undefined;
    this.#events.confirmed(this);
  }

  /** It has told that its ports are open, now or to an earlier control process. */
  serves({ port, tlsPort }: Ports): void {
    this.servingSince ??= this.#clock.elapsed();
    this.#listening.resolve({ port, ...(tlsPort !== undefined && { tlsPort }) });
  }

  #end(): void {
    this.isGone = true;
    this.#met.resolve();
    this.#listening.reject(new Error("it ended"));
    this.#read?.done();
    for (const { tell } of this.#asked.values()) tell();
    this.#asked.clear();
    this.#events.gone(this);
  }
}
