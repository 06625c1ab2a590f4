import { ApiError } from "../../src/api/error.ts";
import type { Kind } from "../../src/api/kind.ts";
import type { Resource } from "../../src/api/meta.ts";
import { POD } from "../../src/api/pod.ts";
import { REVISION } from "../../src/api/revision.ts";
import { ROUTE } from "../../src/api/route.ts";
import { SERVICE } from "../../src/api/service.ts";
import type { TrafficTarget } from "../../src/api/traffic.ts";
import type { Chance } from "../../src/base/chance.ts";
import { digestOf } from "./model_images.ts";
import { exited } from "./model_runtime.ts";
import { serviceOf } from "./serving.ts";
import type { World } from "./world.ts";

const NAMES = ["a", "b-a", "hello"];
const IMAGES = ["1", "2", "3", "4", "invalid"];
const BEHAVIOURS = [
  { phase: "ready" },
  { phase: "ready" },
  { phase: "starting", message: "nothing listens yet" },
  { phase: "waiting", message: "again soon", lastExit: exited(1, "no database") },
] as const;

/** Does one thing after the other by chance: as an owner who is never content, and as fate. */
export class RandomOwner {
  readonly #chance: Chance;
  /** What was done, for whoever has to find out what went wrong. */
  readonly diary: string[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Does something, and says in the diary what. */
  async act(world: World): Promise<void> {
    const acts = [
      () => this.#deploy(world),
      () => this.#deploy(world),
      () => this.#share(world),
      () => this.#share(world),
      () => this.#delete(world, SERVICE, 0.3),
      () => this.#delete(world, POD, 1),
      () => this.#delete(world, REVISION, 0.3),
      () => this.#delete(world, ROUTE, 0.3),
      () => this.#befall(world),
      () => this.#befall(world),
      () => this.#build(world),
      () => this.#breakGateway(world),
      () => this.#wait(world),
      () => this.#ask(world),
      () => this.#ask(world),
    ];
    try {
      await this.#one(acts)();
    } catch (thrown) {
      // A refusal is an answer.
      if (!(thrown instanceof ApiError)) throw thrown;
      this.diary.push(`  refused: ${thrown.message.slice(0, 80)}`);
    }
  }

  /** Whether this happens, out of so many times. */
  happens(share: number): boolean {
    return this.draw() < share;
  }

  /** In [0, 1). */
  draw(): number {
    return this.#chance.fraction();
  }

  async #deploy(world: World): Promise<void> {
    const name = this.#one(NAMES);
    const image = `example.com/${name}:${this.#one(IMAGES)}`;
    const own = this.happens(0.2) ? { name: `${name}-v${this.#one(["x", "y"])}` } : {};
    const isBuilt = this.happens(0.15);
    const annotations = { "varve.dev/source": "https://example.com/hello.git" };
    const template = { ...own, ...(isBuilt && { annotations }) };
    const env = this.happens(0.5) ? [{ name: "COLOUR", value: this.#one(["red", "blue"]) }] : [];
    this.diary.push(`deploy ${name} ${isBuilt ? "from source" : image} ${JSON.stringify(own)}`);
    const traffic = world.find(SERVICE, name)?.spec.traffic;
    const wish = { image: isBuilt ? "" : image, template, container: { env } };
    await world.apply(SERVICE, serviceOf(name, { ...wish, ...(traffic && { traffic }) }));
  }

  /** All to the latest, all to another, or so much to each, with or without tags. */
  async #share(world: World): Promise<void> {
    const name = this.#one(NAMES);
    const mine = world.list(REVISION).filter((it) => it.metadata.name.startsWith(`${name}-`));
    const latest: TrafficTarget = { latestRevision: true };
    const pinned = mine.map(({ metadata }) => ({ revisionName: metadata.name }));
    const percent = Math.floor(this.#chance.fraction() * 101);
    const [one, two] = [latest, this.#one([latest, ...pinned])];
    const tags = this.happens(0.5) ? [{ tag: "x" }, { tag: "b" }] : [{}, {}];
    const traffic = this.happens(0.3)
      ? [{ ...one, percent: 100 }]
      : [
          { ...one, ...tags[0], percent: 100 - percent },
          { ...two, ...tags[1], percent },
        ];
    this.diary.push(`share ${name} ${JSON.stringify(traffic)}`);
    const key = { namespace: "default", name };
    await world.client.patch({ kind: SERVICE, key }, { spec: { traffic } });
  }

  async #delete<R extends Resource>(world: World, kind: Kind<R>, share: number): Promise<void> {
    const all = world.list(kind);
    if (all.length === 0 || !this.happens(share)) return;
    const { metadata } = this.#one(all);
    const propagation = this.#one(["Background", "Foreground"] as const);
    this.diary.push(`delete ${kind.kind} ${metadata.name} ${propagation}`);
    await world.client.delete(world.get(kind, metadata.name), { propagation });
  }

  async #befall(world: World): Promise<void> {
    const revisions = world.list(REVISION);
    if (revisions.length === 0) return;
    const { metadata } = this.#one(revisions);
    const behaviour = this.#one(BEHAVIOURS);
    this.diary.push(`instances of ${metadata.name} are ${behaviour.phase}`);
    world.runtime.behave(`default/${metadata.name}`, behaviour);
  }

  async #build(world: World): Promise<void> {
    const waiting = world.builder.ids.filter((id) => world.builder.state(id)?.phase === "Pending");
    if (waiting.length === 0) return;
    finish(world, this.#one(waiting), this.happens(0.7));
    this.diary.push("a build ends");
  }

  async #breakGateway(world: World): Promise<void> {
    world.gateway.isDown = !world.gateway.isDown;
    this.diary.push(`the gateway is ${world.gateway.isDown ? "down" : "up"}`);
  }

  async #wait(world: World): Promise<void> {
    const seconds = this.#one([1, 10, 60]);
    this.diary.push(`${seconds} s pass`);
    world.pass(seconds);
  }

  /** Requests come, wait, or go on for a while; memory may be short. */
  async #ask(world: World): Promise<void> {
    const ids = [...world.gateway.backends.keys()];
    if (ids.length === 0) return;
    const backend = this.#one(ids);
    const open = this.#one([0, 1, 50, 500]);
    world.freeMemory = this.#one([1, 0.05]);
    this.diary.push(`${open} requests are open at ${backend}, memory ${world.freeMemory}`);
    if (open === 1) world.gateway.wait(backend);
    world.gateway.load({ backend, busyMs: open * 1000, requests: open });
  }

  #one<T>(some: readonly T[]): T {
    return some[Math.floor(this.#chance.fraction() * some.length)] as T;
  }
}

/** Ends a build, well or not. */
export function finish(world: World, id: string, isWell: boolean): void {
  const image = digestOf(id);
  world.images.add(image);
  const done = { phase: "Succeeded", image } as const;
  const failed = { phase: "Failed", reason: "BuildStepFailed", message: "no network" } as const;
  world.builder.report(id, isWell ? done : failed);
}
