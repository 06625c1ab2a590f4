import { resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { ApiError, isReason } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import type { ObjectKey, Resource } from "../api/meta.ts";
import { textOf } from "../api/text.ts";
import { assert } from "../base/assert.ts";
import type { Log } from "../base/log.ts";
import type { Live } from "./live.ts";
import { type Loaded, load, resourceIn } from "./load.ts";
import type { LogFile, Row } from "./log_file.ts";
import { type LogFileOptions, openLogFile } from "./open_log_file.ts";
import { closed, expired } from "./refusal.ts";
import { FileSnapshot, type Snapshot } from "./snapshot.ts";
import { openRefusal } from "./sqlite_error.ts";
import {
  type Change,
  type ChangeListener,
  type Store,
  storeKey,
  type WriteOptions,
} from "./store.ts";
import type { Vault } from "./vault.ts";
import { Watchers } from "./watchers.ts";
import { changeOf, stamped, type Write } from "./write.ts";

export interface DiskStoreOptions extends LogFileOptions {
  /** Of the file; its directory must be there. A `-wal` beside it is part of the store. */
  readonly path: string;
  readonly log: Log;
  /** Seals Secrets; without it they are stored as they are. */
  readonly vault?: Vault;
}

interface Using {
  readonly log: Log;
  readonly vault: Vault | undefined;
}

/** A write, and those who wait for its answer. */
interface Waiting extends Write {
  settle(resource: Resource): void;
  refuse(thrown: unknown): void;
}

/** A write that may happen, in both its forms. */
interface Accepted {
  readonly change: Change;
  readonly row: Row;
}

interface Refused {
  readonly refusal: unknown;
}

/** More waiting writes than these are left to the next turn, so that others have theirs. */
const BATCH_MAX = 1024;
/** So many of the newest changes are told again from memory. A power of two. */
const RECENT_MAX = 1024;

/** A store in one file, whole after any crash. Get one by `openDiskStore`. */
export class DiskStore implements Store {
  readonly #file: LogFile;
  readonly #log: Log;
  readonly #vault: Vault | undefined;
  readonly #live: Live;
  readonly #watchers = new Watchers();
  /** The change of revision n is at n % RECENT_MAX, until a newer one is. */
  readonly #recent: Change[] = [];
  /** What was written before we came is in the file alone. */
  readonly #firstRevision: number;
  #revision: number;
  #compactedRevision: number;
  readonly #waiting: Waiting[] = [];
  #isFlushDue = false;
  #sweeping: Promise<void> = Promise.resolve();
  /** Open ones. What they have yet to read is not swept away. */
  #snapshots = 0;
  #closing: Promise<void> | undefined;

  constructor(file: LogFile, loaded: Loaded & Using) {
    const { live, revision, compactedRevision, log, vault } = loaded;
    this.#file = file;
    this.#log = log;
    this.#vault = vault;
    this.#live = live;
    this.#revision = revision;
    this.#firstRevision = revision + 1;
    this.#compactedRevision = compactedRevision;
  }

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  get<R extends Resource>(kind: Kind<R>, key: ObjectKey): R | undefined {
    return this.#live.get(kind, key);
  }

  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[] {
    return this.#live.list(kind, namespace);
  }

  linked(): Iterable<Resource> {
    return this.#live.linked();
  }

  put<R extends Resource>(resource: R, { expected }: WriteOptions): Promise<R> {
    return this.#write({ type: "put", resource, expected });
  }

  delete<R extends Resource>(resource: R, { expected }: WriteOptions): Promise<R> {
    return this.#write({ type: "delete", resource, expected });
  }

  watch(after: number, listener: ChangeListener): Disposable {
    this.#checkOpen();
    if (after < this.#compactedRevision) throw expired(after, this.#compactedRevision);
    return this.#watchers.add({ after, listener }, this.#since(after));
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen();
    const upTo = Math.min(revision, this.#revision);
    if (upTo > this.#compactedRevision) {
      this.#file.forget(upTo);
      this.#compactedRevision = upTo;
    }
    const before = this.#sweeping;
    const sweeping = (async () => {
      await before.catch(() => {});
      await this.#sweep();
    })();
    this.#sweeping = sweeping;
    await sweeping;
  }

  /** What is stored now, for a backup: while it is open, others read and write as ever. */
  snapshot(): Snapshot {
    this.#checkOpen();
    this.#snapshots += 1;
    return new FileSnapshot(this.#file, {
      revision: this.#revision,
      revisions: new Set(this.#live.revisions()),
      check: () => this.#checkOpen(),
      onClose: () => this.#release(),
    });
  }

  /**
   * Writes anew what is not sealed as it would be now, some rows a turn. `isScrubbed` also clears
   * what the file has kept of rows that are gone. Answers how many rows were written.
   */
  async reseal({ isScrubbed = false }: { readonly isScrubbed?: boolean } = {}): Promise<number> {
    const vault = this.#vault;
    if (vault === undefined) return 0;
    let count = 0;
    for (let after = 0; ; ) {
      this.#checkOpen();
      if (this.#snapshots > 0) {
        throw new ApiError("Conflict", "a backup is being made: try again when it is done");
      }
      const page = this.#file.page(after, this.#revision);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.revision;
      const stale = page.flatMap((row) => {
        const { key, body } = row;
        if (body === undefined || vault.isCurrent(key, body)) return [];
        return [{ ...row, body: vault.seal(key, vault.open(key, body)) }];
      });
      this.#file.rewrite(stale);
      count += stale.length;
      await turn();
    }
    if (count > 0) this.#file.settle({ isScrubbed });
    return count;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #write<R extends Resource>(write: Write<R>): Promise<R> {
    this.#checkOpen();
    const { promise, resolve: settle, reject: refuse } = Promise.withResolvers<Resource>();
    this.#waiting.push({ ...write, settle, refuse });
    this.#flushSoon();
    // What is answered has the key of an R.
    return (await promise) as R;
  }

  /** Those who write in the same turn of the event loop share a transaction, and its sync. */
  #flushSoon(): void {
    if (this.#isFlushDue || this.#waiting.length === 0) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#commit(this.#waiting.splice(0, BATCH_MAX));
      this.#flushSoon();
    });
  }

  /** Decide, write, and only then show and answer. */
  #commit(batch: readonly Waiting[]): void {
    const decided = this.#decide(batch);
    const accepted = decided.filter((it) => "change" in it);
    try {
      if (accepted.length > 0) this.#file.append(accepted.map(({ row }) => row));
    } catch (thrown) {
      this.#retry(batch, thrown);
      return;
    }
    for (const it of accepted) this.#apply(it);
    this.#watchers.tell(accepted.map(({ change }) => change));
    for (const [index, write] of batch.entries()) {
      const outcome = decided[index];
      if (outcome !== undefined && "change" in outcome) write.settle(outcome.change.resource);
      else write.refuse(outcome?.refusal);
    }
  }

  /** Of writes that are too large together for the room there is, some may fit. */
  #retry(batch: readonly Waiting[], thrown: unknown): void {
    if (batch.length === 1 || !isReason(thrown, "InsufficientStorage")) {
      for (const write of batch) write.refuse(thrown);
      return;
    }
    const half = batch.length >>> 1;
    this.#commit(batch.slice(0, half));
    this.#commit(batch.slice(half));
  }

  /** Each write sees what the earlier ones of its batch will have done. */
  #decide(batch: readonly Waiting[]): readonly (Accepted | Refused)[] {
    const pending = new Map<string, Resource | undefined>();
    let revision = this.#revision;
    return batch.map((write) => {
      try {
        const key = storeKey(write.resource, write.resource.metadata);
        const stored = pending.has(key) ? pending.get(key) : this.#live.at(key);
        const change = changeOf(write, { stored, revision: revision + 1 });
        const row = this.#rowOf(key, change);
        pending.set(key, change.type === "put" ? change.resource : undefined);
        revision += 1;
        return { change, row };
      } catch (refusal) {
        return { refusal };
      }
    });
  }

  #apply({ change, row }: Accepted): void {
    assert(change.revision === this.#revision + 1, "changes are applied in order");
    this.#live.apply(row.key, change);
    this.#recent[change.revision % RECENT_MAX] = change;
    this.#revision = change.revision;
  }

  /** Changes after a revision, oldest first: the recent ones from memory, others from the file. */
  *#since(after: number): Iterable<Change> {
    const last = this.#revision;
    const recent = Math.max(this.#firstRevision, last - RECENT_MAX + 1);
    for (const row of this.#file.between(after, Math.min(last, recent - 1))) {
      yield this.#changeIn(row);
    }
    for (let revision = Math.max(after + 1, recent); revision <= last; revision += 1) {
      const change = this.#recent[revision % RECENT_MAX];
      assert(change?.revision === revision, `revision ${revision} is among the recent ones`);
      yield change;
    }
  }

  #changeIn({ revision, previous: before, key, body }: Row): Change {
    const previous = before === 0 ? undefined : this.#resourceIn(this.#file.at(before));
    if (body !== undefined) {
      const resource = this.#resourceIn({ revision, key, body });
      return { revision, type: "put", resource, previous };
    }
    if (previous === undefined) throw this.#file.damaged(`revision ${revision} deletes nothing`);
    return { revision, type: "delete", resource: stamped(previous, revision), previous };
  }

  #resourceIn({ revision, key, body }: Pick<Row, "revision" | "key" | "body">): Resource {
    const live = this.#live.at(key);
    if (live?.metadata.resourceVersion === String(revision)) return live;
    if (body === undefined) throw this.#file.damaged(`revision ${revision} holds no resource`);
    return resourceIn({ revision, key, body }, this.#vault);
  }

  /** Throws when the resource cannot be written as JSON. */
  #rowOf(key: string, { revision, type, resource, previous }: Change): Row {
    const text = type === "put" ? textOf(resource) : undefined;
    const body = text === undefined ? undefined : (this.#vault?.seal(key, text) ?? text);
    return { revision, previous: Number(previous?.metadata.resourceVersion ?? 0), key, body };
  }

  async #sweep(): Promise<void> {
    do await turn();
    while (this.#closing === undefined && this.#snapshots === 0 && this.#file.sweep());
  }

  /** What could not be swept meanwhile is swept now. */
  #release(): void {
    this.#snapshots -= 1;
    if (this.#snapshots > 0 || this.#closing !== undefined) return;
    const failed = (thrown: unknown) => this.#log.warn({ err: thrown }, "cannot sweep the store");
    this.compact(0).catch(failed);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }

  async #close(): Promise<void> {
    // A listener may be closing us: what it is told of is told to all of them first.
    await turn();
    while (this.#waiting.length > 0) this.#commit(this.#waiting.splice(0, BATCH_MAX));
    this.#watchers.clear();
    await this.#sweeping.catch(() => {});
    this.#file[Symbol.dispose]();
    this.#log.debug({ revision: this.#revision }, "closed the store");
  }
}

/**
 * Opens the store in a file, or makes a new one where there is none. Throws an `ApiError` that
 * names the path and says what to do: when another process uses it, or when it cannot be read
 * or written, is damaged or something else.
 */
export async function openDiskStore(options: DiskStoreOptions): Promise<DiskStore> {
  const { log, vault } = options;
  const path = resolve(options.path);
  const file = openLogFile(path, options);
  try {
    const loaded = load(file, vault);
    const { revision, compactedRevision, live, stale, plain } = loaded;
    log.info({ path, revision, compactedRevision, resources: live.size }, "opened the store");
    const store = new DiskStore(file, { ...loaded, log, vault });
    await vault?.begin();
    if (stale > 0) {
      const rows = await store.reseal({ isScrubbed: plain > 0 });
      log.info({ path, rows }, "encrypted Secrets with the key of now");
    }
    return store;
  } catch (thrown) {
    file[Symbol.dispose]();
    throw openRefusal(path, thrown);
  }
}
