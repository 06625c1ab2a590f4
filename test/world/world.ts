import assert from "node:assert/strict";
import { conditionOf } from "../../src/api/condition.ts";
import { ApiError, isReason, statusOf } from "../../src/api/error.ts";
import type { Kind } from "../../src/api/kind.ts";
import { KINDS } from "../../src/api/kinds.ts";
import { type Draft, type ObjectKey, pathOf, type Resource } from "../../src/api/meta.ts";
import { NAMESPACE, type Namespace } from "../../src/api/namespace.ts";
import { REVISION } from "../../src/api/revision.ts";
import type { Chance } from "../../src/base/chance.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Client } from "../../src/client/client.ts";
import type { Controller } from "../../src/control/controller.ts";
import { GarbageCollector } from "../../src/control/garbage_collector.ts";
import { reconcileOnce } from "../../src/control/reconcile_once.ts";
import { eventRecorder, type Recorder } from "../../src/control/recorder.ts";
import { wokenBy } from "../../src/control/woken_by.ts";
import { makeControllers } from "../../src/platform/controllers.ts";
import { LocalCache } from "../../src/platform/local_cache.ts";
import { localClient } from "../../src/platform/local_client.ts";
import { Autoscaler } from "../../src/reconcilers/revision/autoscaler.ts";
import type { RouteTls } from "../../src/reconcilers/route/tls.ts";
import type { Caller, ServerContext } from "../../src/server/context.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { countingChance } from "./desk.ts";
import { flakyClient, Interruption } from "./flaky_client.ts";
import { ModelBuilder } from "./model_builder.ts";
import { ModelGateway } from "./model_gateway.ts";
import { ModelImages } from "./model_images.ts";
import { ModelRuntime } from "./model_runtime.ts";
import { Signing } from "./signing.ts";
import { WorldClock } from "./world_clock.ts";

interface Due {
  readonly controller: Controller;
  readonly key: ObjectKey;
}

interface Settling {
  /** Who is next is drawn; otherwise it is whoever has waited longest. */
  readonly draw?: Lots;
  readonly passesMax?: number;
}

interface Lots {
  /** In [0, 1). */
  draw(): number;
}

const OWNER: Caller = { user: "owner", groups: [] };

/** What outlives the controllers. */
interface Lasting {
  readonly context: ServerContext & {
    readonly clock: WorldClock;
    readonly accountTokens: Signing;
  };
  readonly runtime: ModelRuntime;
  readonly gateway: ModelGateway;
  readonly builder: ModelBuilder;
  readonly images: ModelImages;
  readonly tls?: RouteTls;
}

/** A platform in this process: the real store, server and controllers; no socket, no sleep. */
export class World implements AsyncDisposable {
  /** As a user would write. */
  readonly client: Client;
  readonly runtime: ModelRuntime;
  readonly gateway: ModelGateway;
  readonly builder: ModelBuilder;
  readonly images: ModelImages;
  readonly context: Lasting["context"];
  /** What share of its memory the server has left. */
  freeMemory = 1;
  /** Says when a controller is interrupted in a write. */
  isInterrupted: () => boolean = () => false;
  readonly #lasting: Lasting;
  readonly #cache: LocalCache;
  readonly #controllers: readonly Controller[];
  readonly #collector: GarbageCollector;
  readonly #recorder: Recorder;
  readonly #ours: Client;
  readonly #due = new Map<string, Due>();
  readonly #later = new Map<string, Disposable>();
  readonly #stack = new DisposableStack();

  constructor(lasting: Lasting = makeLasting(countingChance())) {
    this.#lasting = lasting;
    const { context, runtime, gateway, builder, images } = lasting;
    this.context = context;
    this.runtime = runtime;
    this.gateway = gateway;
    this.builder = builder;
    this.images = images;
    gateway.saysItServes = (id) => this.#saysItServes(id);
    this.client = localClient(context, OWNER);
    this.#ours = flakyClient(localClient(context), () => this.isInterrupted());
    this.#cache = this.#stack.use(new LocalCache(context.store));
    const shared = { ...context, client: this.#ours, cache: this.#cache, log: silentLog };
    this.#recorder = eventRecorder({ ...shared, client: localClient(context) });
    this.#controllers = makeControllers({
      ...{ ...shared, ...lasting, recorder: this.#recorder, registry: images },
      autoscaler: new Autoscaler({ ...lasting, ...context, freeMemory: () => this.freeMemory }),
      addressing: () => ({ domain: "localhost", scheme: "http", port: 8080 }),
      logUrl: (revision) => `https://127.0.0.1:6480/${pathOf(revision)}`,
      podLogUrl: (pod) => `https://127.0.0.1:6480/${pathOf(pod)}/log`,
    });
    this.#collector = new GarbageCollector(shared);
    this.#stack.use(this.#cache.watch((changed) => this.#wake(changed)));
    for (const controller of this.#controllers) {
      for (const source of controller.sources ?? []) {
        this.#stack.use(source((key) => this.#add({ controller, key })));
      }
    }
  }

  /** A world with the namespace "default" in it, where everything is at rest. */
  static async make(
    chance: Chance = countingChance(),
    more: Pick<Lasting, "tls"> = {},
  ): Promise<World> {
    const world = new World({ ...makeLasting(chance), ...more });
    await world.#collector.start();
    const { apiVersion, kind } = NAMESPACE;
    await world.client.create<Namespace>({ apiVersion, kind, metadata: { name: "default" } });
    await world.settle();
    return world;
  }

  /** Ends all controllers, and begins with new ones that look at everything once. */
  async again({ isGatewayNew = false } = {}): Promise<World> {
    await this[Symbol.asyncDispose]();
    if (isGatewayNew) this.gateway.forget();
    const world = new World(this.#lasting);
    await world.#collector.start();
    for (const kind of KINDS) for (const it of world.list(kind)) world.#wake(it);
    return world;
  }

  /** Counts writes: the same before and after means that nothing was written. */
  get revision(): number {
    return this.context.store.revision;
  }

  find<R extends Resource>(kind: Kind<R>, name: string): R | undefined {
    const key = { name, ...(kind.isNamespaced && { namespace: "default" }) };
    return this.context.store.get(kind, key);
  }

  get<R extends Resource>(kind: Kind<R>, name: string): R {
    const resource = this.find(kind, name);
    assert(resource !== undefined, `there is no ${kind.kind} "${name}"`);
    return resource;
  }

  list<R extends Resource>(kind: Kind<R>): readonly R[] {
    return this.context.store.list(kind);
  }

  /** Says what should be, as an owner would: creates, or replaces. */
  async apply<R extends Resource>(kind: Kind<R>, draft: Draft<R>): Promise<R> {
    const stored = this.find(kind, draft.metadata.name ?? "");
    if (stored === undefined) return await this.client.create<R>(draft);
    const { labels, annotations = {} } = draft.metadata;
    const kept = { ...stored.metadata.annotations, ...annotations };
    const metadata = { ...stored.metadata, ...(labels && { labels }), annotations: kept };
    return await this.client.put<R>({ ...stored, ...draft, metadata });
  }

  /** Lets time pass, and wakes whoever waited for it. */
  pass(seconds: number): void {
    this.context.clock.pass(seconds);
  }

  /** Runs controllers until none has work. A world that does not settle is a bug, so it fails. */
  async settle({ draw, passesMax = 5000 }: Settling = {}): Promise<void> {
    let passes = 0;
    do {
      for (let id = this.#next(draw); id !== undefined; id = this.#next(draw)) {
        passes += 1;
        assert(passes <= passesMax, `still busy: ${[...this.#due.keys()].join(", ")}`);
        await this.step(id);
      }
      await this.#collector.settled();
      await this.context.accountTokens.settled();
      // Work that nobody waited for, such as the end of an instance, takes a few turns.
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#due.size > 0);
    const faults = [...this.gateway.faults, ...this.runtime.faults];
    assert.deepEqual(faults, [], "the drivers were told what they should not be told");
  }

  /** One look at one resource that is due: the first that was, or the one that is meant. */
  async step(id = this.#next()): Promise<void> {
    const due = this.#due.get(id ?? "");
    if (id === undefined || due === undefined) return;
    this.#due.delete(id);
    const { controller, key } = due;
    const resource = this.context.store.get(controller.kind, key);
    if (resource === undefined) return;
    const { signal } = new AbortController();
    const shared = { client: this.#ours, clock: this.context.clock, recorder: this.#recorder };
    try {
      const againAfterMs = await reconcileOnce({ controller, resource, ...shared, signal });
      if (againAfterMs > 0) this.#addLater(due, againAfterMs);
    } catch (thrown) {
      this.#onFailure(due, thrown);
    }
  }

  /** So many looks, at whoever is drawn. */
  async work(looks: number, lots: Lots): Promise<void> {
    for (let done = 0; done < looks; done += 1) await this.step(this.#next(lots));
    await this.#collector.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stack.dispose();
    for (const timer of this.#later.values()) timer[Symbol.dispose]();
    await this.#collector[Symbol.asyncDispose]();
  }

  #saysItServes(id: string): boolean {
    const [namespace, name = ""] = id.split("/");
    const revision = this.context.store.get(REVISION, { namespace, name });
    return conditionOf(revision?.status, "Active")?.status === "True";
  }

  /** A race is run again; what is out of order is asked again later; all else is a bug. */
  #onFailure(due: Due, thrown: unknown): void {
    if (isReason(thrown, "Conflict") || isReason(thrown, "AlreadyExists")) this.#add(due);
    else if (thrown instanceof Interruption) this.#add(due);
    else if (thrown instanceof ApiError && statusOf(thrown).reason !== "InternalError") {
      this.#addLater(due, 1000);
    } else throw thrown;
  }

  #next(lots?: Lots): string | undefined {
    const ids = [...this.#due.keys()];
    return ids[Math.floor((lots?.draw() ?? 0) * ids.length)];
  }

  #wake(changed: Resource): void {
    for (const controller of this.#controllers) {
      for (const key of wokenBy(controller, changed)) this.#add({ controller, key });
    }
  }

  #add({ controller, key: { namespace, name } }: Due): void {
    const key = namespace === undefined ? { name } : { namespace, name };
    const id = idOf({ controller, key });
    this.#later.get(id)?.[Symbol.dispose]();
    this.#later.delete(id);
    this.#due.set(id, { controller, key });
  }

  #addLater(due: Due, afterMs: number): void {
    const id = idOf(due);
    this.#later.get(id)?.[Symbol.dispose]();
    if (this.#due.has(id)) return;
    this.#later.set(
      id,
      this.context.clock.after(afterMs, () => this.#add(due)),
    );
  }
}

function idOf({ controller, key }: Due): string {
  return `${controller.kind.kind}/${pathOf(key)}`;
}

function makeLasting(chance: Chance): Lasting {
  const clock = new WorldClock();
  const images = new ModelImages();
  const gateway = new ModelGateway(clock);
  const runtime = new ModelRuntime(images, (name) => gateway.isUsing(name));
  const deps = { store: new MemoryStore(), clock, chance };
  const context = { kinds: KINDS, accountTokens: new Signing(deps), ...deps };
  return { context, images, gateway, runtime, builder: new ModelBuilder() };
}
