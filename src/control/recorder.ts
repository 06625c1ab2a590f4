import { isReason } from "../api/error.ts";
import { EVENT, type Event } from "../api/event.ts";
import type { Draft, Resource } from "../api/meta.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Client } from "../client/client.ts";

/** Something that happened to a resource, in words for people. */
export interface Happening {
  readonly type: "Normal" | "Warning";
  /** One CamelCase word. */
  readonly reason: string;
  readonly message: string;
}

/** Writes down what happens, as Events. Never in the way: what cannot be written is logged. */
export interface Recorder {
  record(resource: Resource, happening: Happening): void;
}

export interface RecorderDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
}

interface Remembered {
  readonly key: { readonly namespace: string; readonly name: string };
  readonly count: number;
}

/** The same thing again counts up the Event that is there, if it is one of the last so many. */
const REMEMBERED_MAX = 4096;

/** So many different messages of one resource and reason are told apart within this time. */
const SIMILAR_MAX = 10;
const SIMILAR_MS = 600_000;

interface Similar {
  readonly sinceMs: number;
  readonly messages: Set<string>;
}

/** Says nothing, for those who have nobody to tell. */
export const silentRecorder: Recorder = { record: () => {} };

export function eventRecorder({ client, clock, chance, log }: RecorderDeps): Recorder {
  const remembered = new Map<string, Promise<Remembered>>();
  const similar = new Map<string, Similar>();
  return { record };

  function record(resource: Resource, happening: Happening): void {
    const { uid } = resource.metadata;
    const family = [uid, happening.type, happening.reason].join("\n");
    const isOneMore = isOneOfTooMany(family, happening.message);
    const id = isOneMore ? family : `${family}\n${happening.message}`;
    const message = `${isOneMore ? "(combined from similar events): " : ""}${happening.message}`;
    const before = remembered.get(id);
    const written = write(resource, { ...happening, message }, before);
    remember(remembered, id, written);
    written.catch((thrown: unknown) => {
      remembered.delete(id);
      log.debug({ err: thrown, resource: resource.metadata.name }, "could not record an event");
    });
  }

  /** Messages with a number or a time in them are new each time, and would fill the store. */
  function isOneOfTooMany(family: string, message: string): boolean {
    const known = similar.get(family);
    const isFresh = known === undefined || clock.now() - known.sinceMs > SIMILAR_MS;
    const group = isFresh ? { sinceMs: clock.now(), messages: new Set<string>() } : known;
    remember(similar, family, group);
    if (group.messages.has(message)) return false;
    if (group.messages.size >= SIMILAR_MAX) return true;
    group.messages.add(message);
    return false;
  }

  async function write(resource: Resource, happening: Happening, before?: Promise<Remembered>) {
    const last = await before?.catch(() => undefined);
    if (last === undefined) return await create(resource, happening);
    const count = last.count + 1;
    try {
      const { message } = happening;
      const patch = { count, message, lastTimestamp: clock.timestamp() };
      await client.patch({ kind: EVENT, key: last.key }, patch);
    } catch (thrown) {
      // Events are thrown away after a while, and by whoever likes to.
      if (!isReason(thrown, "NotFound")) throw thrown;
      return await create(resource, happening);
    }
    return { ...last, count };
  }

  async function create(resource: Resource, happening: Happening): Promise<Remembered> {
    const { apiVersion, kind, metadata } = resource;
    const { namespace = "default", name, uid, resourceVersion } = metadata;
    const involvedObject = { apiVersion, kind, name, uid, resourceVersion };
    const at = clock.timestamp();
    const key = { namespace, name: `${name.slice(0, 240)}.${chance.suffix(10)}` };
    const event: Draft<Event> = {
      apiVersion: EVENT.apiVersion,
      kind: EVENT.kind,
      metadata: key,
      involvedObject: { ...involvedObject, namespace },
      ...happening,
      source: { component: "varve" },
      reportingComponent: "varve",
      reportingInstance: "varve",
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
    await client.create<Event>(event);
    return { key, count: 1 };
  }
}

/** As the newest of at most so many. */
function remember<V>(map: Map<string, V>, id: string, value: V): void {
  map.delete(id);
  map.set(id, value);
  const [oldest] = map.keys();
  if (map.size > REMEMBERED_MAX && oldest !== undefined) map.delete(oldest);
}
