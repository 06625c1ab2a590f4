import type { Change, ChangeListener } from "./store.ts";

/** Those who are told of changes, each from a revision of its own. */
export class Watchers {
  readonly #watchers = new Set<Watcher>();

  /** Adds one, and tells it first of what is past: all in one step, so that nothing is between. */
  add(watcher: Watcher, past: Iterable<Change>): Disposable {
    this.#watchers.add(watcher);
    try {
      for (const change of past) tell(watcher, change);
    } catch (thrown) {
      this.#watchers.delete(watcher);
      throw thrown;
    }
    return { [Symbol.dispose]: () => this.#watchers.delete(watcher) };
  }

  /** Tells all of them. Those who leave meanwhile hear no more; those who come have heard it. */
  tell(changes: readonly Change[]): void {
    for (const change of changes) {
      for (const watcher of this.#watchers) {
        try {
          tell(watcher, change);
        } catch (thrown) {
          // A listener must not throw. Its bug takes the process down, but not the others' news.
          queueMicrotask(() => {
            throw thrown;
          });
        }
      }
    }
  }

  /** Nobody is told of anything any more. */
  clear(): void {
    this.#watchers.clear();
  }
}

export interface Watcher {
  /** The last revision it need not be told of any more. */
  after: number;
  readonly listener: ChangeListener;
}

/** HOT: called for each change and watcher. */
function tell(watcher: Watcher, change: Change): void {
  if (change.revision <= watcher.after) return;
  watcher.after = change.revision;
  watcher.listener(change);
}
