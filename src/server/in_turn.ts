import { isReason } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import type { ObjectKey } from "../api/meta.ts";
import { type Store, storeKey } from "../store/store.ts";

/** Those who know which version they change may come in between so often, and then are too many. */
const TRIES = 32;

/** Who writes last to each object of a store, of those who wait for each other. */
const lasts = new WeakMap<Store, Map<string, Promise<unknown>>>();

/** One object of a store. */
export interface Place {
  readonly store: Store;
  readonly kind: Kind;
  readonly key: ObjectKey;
}

/**
 * A read and the write that follows from it, for requests that do not care which version they
 * change: they stand in a queue for each object, and try again when somebody else wrote in between.
 */
export async function inTurn<T>(place: Place, attempt: () => Promise<T>): Promise<T> {
  const queues = lasts.get(place.store) ?? new Map<string, Promise<unknown>>();
  lasts.set(place.store, queues);
  const id = storeKey(place.kind, place.key);
  const before = queues.get(id);
  const mine = (async () => {
    await before?.catch(() => {});
    return await againOnConflict(place, attempt);
  })();
  queues.set(id, mine);
  try {
    return await mine;
  } finally {
    if (queues.get(id) === mine) queues.delete(id);
  }
}

async function againOnConflict<T>(place: Place, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const before = versionAt(place);
    try {
      return await attempt();
    } catch (thrown) {
      // Where nobody wrote, the caller itself asked for another version.
      const isRace = isReason(thrown, "Conflict") && versionAt(place) !== before;
      if (!isRace || tries === TRIES) throw thrown;
    }
  }
}

function versionAt({ store, kind, key }: Place): string | undefined {
  return store.get(kind, key)?.metadata.resourceVersion;
}
