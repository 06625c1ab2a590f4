import assert from "node:assert/strict";
import { CONFIG_MAP, type ConfigMap } from "../../../src/api/config_map.ts";
import type { Event, Wire } from "./wire.ts";

export const NAMESPACE = "crash";
export const ALL = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const SENTINEL = "sentinel";

/** A write that somebody asked for. A put is known by its id, a deletion by what it deletes. */
export interface Asked {
  readonly act: "put" | "delete";
  readonly name: string;
  readonly id: string;
  outcome: "open" | "answered" | "refused";
  /** Of an answered put. */
  revision?: number;
}

/** What is there, what was asked for, and all that happened, as the server tells it. */
export class Book {
  /** By name, what was answered or seen last: what writers go by. */
  readonly current = new Map<string, ConfigMap>();
  /** All events, in order, as one watcher saw them who was never there when a server died. */
  readonly events: string[] = [];
  answered = 0;
  /** Of the writes whose answer did not come. */
  whole = 0;
  absent = 0;
  /** Several may ask for the same deletion, and one of them gets it. */
  #asked = new Map<string, Asked[]>();
  #live: ReadonlyMap<string, ConfigMap> = new Map();
  #resourceVersion = "";
  #checks = 0;
  #awaited: { left: number; resolve(): void } | undefined;

  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  ask(act: Asked["act"], name: string, id: string): Asked {
    const asked: Asked = { act, name, id, outcome: "open" };
    const key = `${act} ${id}`;
    this.#asked.set(key, [...(this.#asked.get(key) ?? []), asked]);
    return asked;
  }

  /** Resolves when so many answers have come from now on, of whatever kind. */
  async answers(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { left: count, resolve };
    await promise;
  }

  countAnswer(): void {
    const awaited = this.#awaited;
    if (awaited === undefined) return;
    awaited.left -= 1;
    if (awaited.left === 0) awaited.resolve();
  }

  /** Compares what a new server has with what was said since the last time. */
  async check(wire: Wire): Promise<void> {
    this.#checks += 1;
    if (this.#resourceVersion === "") await this.#begin(wire);
    await this.#mark(wire);
    const news = await this.#news(wire);
    const live = new Map(this.#live);
    let last = Number(this.#resourceVersion);
    for (const line of news) {
      const { type, object }: Event = JSON.parse(line);
      const { name, resourceVersion } = object.metadata;
      assert(Number(resourceVersion) > last, "events come in the order of the log");
      last = Number(resourceVersion);
      if (type === "DELETED") live.delete(name);
      else live.set(name, object);
      if (name !== SENTINEL) this.#tick(type, object);
    }
    this.#settle();
    await this.#compare(wire, live);
    this.events.push(...news);
    this.#live = live;
    this.#resourceVersion = String(last);
  }

  async #begin(wire: Wire): Promise<void> {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } };
    assert.equal((await wire.ask("POST", "/api/v1/namespaces", namespace))?.code, 201);
    const list = await wire.ask("GET", ALL);
    this.#resourceVersion = String(Reflect.get(list?.body["metadata"] ?? {}, "resourceVersion"));
  }

  /** Writes something, so that whoever sees it has seen all before. */
  async #mark(wire: Wire): Promise<void> {
    const sentinel = configMap(SENTINEL, `${SENTINEL}.${this.#checks}`);
    const isFirst = this.#checks === 1;
    const path = isFirst ? ALL : `${ALL}/${SENTINEL}`;
    const answer = await wire.ask(isFirst ? "POST" : "PUT", path, sentinel);
    assert.equal(answer?.code, isFirst ? 201 : 200, JSON.stringify(answer?.body));
  }

  async #news(wire: Wire): Promise<readonly string[]> {
    const news: string[] = [];
    const last = `"id":"${SENTINEL}.${this.#checks}"`;
    await wire.watch(
      watchPath(this.#resourceVersion),
      (line) => news.push(line) > 0 && line.includes(last),
    );
    assert(news.at(-1)?.includes(last), "the watch goes on to the end");
    return news;
  }

  /** Whatever happened, somebody asked for it. */
  #tick(type: Event["type"], object: ConfigMap): void {
    const { name, uid, resourceVersion } = object.metadata;
    const key = type === "DELETED" ? `delete ${uid}` : `put ${object.data?.["id"]}`;
    const all = this.#asked.get(key) ?? [];
    const find = (outcome: Asked["outcome"]) => all.find((it) => it.outcome === outcome);
    const asked = find("answered") ?? find("open");
    assert(asked !== undefined, `nobody got "${key}", revision ${resourceVersion},`);
    assert.equal(asked.name, name);
    if (type !== "DELETED") assert.deepEqual(object.data, configMap(name, asked.id).data);
    if (asked.revision !== undefined) assert.equal(String(asked.revision), resourceVersion);
    all.splice(all.indexOf(asked), 1);
    if (asked.outcome === "answered") this.answered += 1;
    else this.whole += 1;
  }

  /** What is left was not done, and so nobody may have been told that it was. */
  #settle(): void {
    for (const { act, id, outcome } of [...this.#asked.values()].flat()) {
      assert(outcome !== "answered", `"${act} ${id}" was answered, and is gone`);
      if (outcome === "open") this.absent += 1;
    }
    this.#asked = new Map();
  }

  async #compare(wire: Wire, live: ReadonlyMap<string, ConfigMap>): Promise<void> {
    const list = await wire.ask("GET", ALL);
    const items = list?.body["items"] as readonly ConfigMap[];
    const found = items.map((it) => ({ ...it, ...typeOf(CONFIG_MAP) }));
    const expected = [...live.values()].sort((one, other) =>
      one.metadata.name < other.metadata.name ? -1 : 1,
    );
    assert.deepEqual(found, expected, "what is there is the sum of what happened");
    this.current.clear();
    for (const it of found) if (it.metadata.name !== SENTINEL) this.current.set(nameOf(it), it);
  }
}

export function watchPath(resourceVersion: string): string {
  return `${ALL}?watch=true&resourceVersion=${resourceVersion}`;
}

/** All of a write is in its id, so that half of one could be told from the whole. */
export function configMap(name: string, id: string) {
  const length = [...id].reduce((sum, digit) => (sum * 31 + digit.charCodeAt(0)) % 3000, 7);
  const text = id.repeat(Math.ceil(length / id.length));
  return { ...typeOf(CONFIG_MAP), metadata: { name }, data: { id, text } };
}

function typeOf({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }) {
  return { apiVersion, kind };
}

function nameOf({ metadata }: ConfigMap): string {
  return metadata.name;
}
