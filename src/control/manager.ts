import { isReason } from "../api/error.ts";
import { type ObjectKey, pathOf } from "../api/meta.ts";
import { AssertionError } from "../base/assert.ts";
import { type Backoff, delayMs } from "../base/backoff.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Cache, Client } from "../client/client.ts";
import type { Controller } from "./controller.ts";
import { reconcileOnce } from "./reconcile_once.ts";
import type { Recorder } from "./recorder.ts";
import { wokenBy } from "./woken_by.ts";

export interface ManagerDeps {
  readonly controllers: readonly Controller[];
  readonly client: Client;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly recorder: Recorder;
  readonly log: Log;
  /** How many resources of one kind are looked at at once. */
  readonly concurrency?: number;
}

const AGAIN: Backoff = { firstMs: 50, mostMs: 60_000 };

/** So many failures in a row are no coincidence. */
const RACES_MAX = 3;

/** Runs controllers: each resource when something changed, one look at a time, again on failure. */
export class Manager implements AsyncDisposable {
  readonly #deps: ManagerDeps;
  readonly #loops: readonly Loop[];
  readonly #stack = new DisposableStack();

  constructor(deps: ManagerDeps) {
    this.#deps = deps;
    this.#loops = deps.controllers.map((controller) => new Loop(controller, deps));
  }

  async start(): Promise<void> {
    const { cache } = this.#deps;
    const watch = cache.watch((changed) => {
      for (const loop of this.#loops) loop.tell(wokenBy(loop.controller, changed));
    });
    this.#stack.use(watch);
    for (const loop of this.#loops) {
      const { kind, sources = [] } = loop.controller;
      const all = cache.lister(kind).list();
      loop.begin(all.map(({ metadata }) => metadata));
      for (const source of sources) this.#stack.use(source((key) => loop.tell([key])));
    }
  }

  /** Resolves when all that was there at the start was looked at, or will not let itself be. */
  async caughtUp(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.caughtUp()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stack.dispose();
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }
}

/** The queue of one controller. What is woken while it is looked at is looked at again. */
class Loop {
  readonly controller: Controller;
  readonly #deps: ManagerDeps;
  readonly #due = new Map<string, ObjectKey>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #later = new Map<string, Disposable>();
  readonly #failures = new Map<string, number>();
  readonly #abort = new AbortController();
  /** What was there at the start, and was not looked at yet. */
  readonly #unseen = new Set<string>();
  readonly #caughtUp = Promise.withResolvers<void>();

  constructor(controller: Controller, deps: ManagerDeps) {
    this.controller = controller;
    this.#deps = deps;
  }

  begin(keys: readonly ObjectKey[]): void {
    for (const key of keys) this.#unseen.add(pathOf(key));
    this.tell(keys);
    this.#checkCaughtUp();
  }

  tell(keys: readonly ObjectKey[]): void {
    for (const { namespace, name } of keys) {
      const key = namespace === undefined ? { name } : { namespace, name };
      const id = pathOf(key);
      this.#cancel(id);
      this.#due.set(id, key);
    }
    this.#pump();
  }

  caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    for (const id of this.#later.keys()) this.#cancel(id);
    this.#due.clear();
    await Promise.all(this.#busy.values());
    this.#caughtUp.resolve();
  }

  #pump(): void {
    const { concurrency = 16 } = this.#deps;
    for (const [id, key] of this.#due) {
      if (this.#busy.size >= concurrency || this.#abort.signal.aborted) break;
      if (this.#busy.has(id)) continue;
      this.#due.delete(id);
      this.#cancel(id);
      this.#busy.set(id, this.#look(id, key));
    }
  }

  async #look(id: string, key: ObjectKey): Promise<void> {
    // Not in the same turn: whoever told us goes on first.
    await Promise.resolve();
    try {
      const againAfterMs = await this.#reconcile(key);
      this.#failures.delete(id);
      this.#unseen.delete(id);
      if (againAfterMs > 0) this.#schedule({ id, key }, againAfterMs);
    } catch (thrown) {
      this.#onFailure({ id, key }, thrown);
    }
    this.#busy.delete(id);
    this.#checkCaughtUp();
    this.#pump();
  }

  #checkCaughtUp(): void {
    if (this.#unseen.size === 0) this.#caughtUp.resolve();
  }

  async #reconcile(key: ObjectKey): Promise<number> {
    const { controller } = this;
    const { cache, client, clock, recorder } = this.#deps;
    const resource = cache.lister(controller.kind).get(key);
    if (resource === undefined) return 0;
    const { signal } = this.#abort;
    return await reconcileOnce({ controller, resource, client, clock, recorder, signal });
  }

  #onFailure({ id, key }: { readonly id: string; readonly key: ObjectKey }, thrown: unknown): void {
    if (this.#abort.signal.aborted) return;
    const { log, chance } = this.#deps;
    const about = { err: thrown, kind: this.controller.kind.kind, key: id };
    if (thrown instanceof AssertionError) {
      log.error(about, "a promise of ours is broken: this resource is left alone until it changes");
      this.#unseen.delete(id);
      return;
    }
    const failures = this.#failures.get(id) ?? 0;
    this.#failures.set(id, failures + 1);
    if (failures + 1 >= RACES_MAX) this.#unseen.delete(id);
    // Somebody wrote in between: what they wrote wakes us, and is not a failure of anybody.
    const isKnown = isReason(thrown, "Conflict") || isReason(thrown, "AlreadyExists");
    const isRace = isKnown && failures < RACES_MAX;
    if (isRace) log.debug(about, "the resource changed meanwhile");
    else log.warn(about, "could not reconcile: will try again");
    this.#schedule({ id, key }, isRace ? 1 : delayMs(AGAIN, failures, chance));
  }

  #schedule({ id, key }: { readonly id: string; readonly key: ObjectKey }, afterMs: number): void {
    this.#cancel(id);
    this.#later.set(
      id,
      this.#deps.clock.after(afterMs, () => this.tell([key])),
    );
  }

  #cancel(id: string): void {
    this.#later.get(id)?.[Symbol.dispose]();
    this.#later.delete(id);
  }
}
