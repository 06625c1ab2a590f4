import assert from "node:assert/strict";
import { CONFIG_MAP } from "../../src/api/config_map.ts";
import { pathOf, type Resource } from "../../src/api/meta.ts";
import type { Change, Store } from "../../src/store/store.ts";
import type { Report } from "./writer.ts";
import { written } from "./writer.ts";

type Asked = Extract<Report, { asked: string }>;

/** What the writers said of one round, in order. */
interface Round {
  readonly asked: ReadonlyMap<string, Asked>;
  /** By revision, the id of the write that was answered with it. */
  readonly answered: ReadonlyMap<number, string>;
  /** Ids of those whose answer did not come. */
  readonly open: ReadonlySet<string>;
  /** The last revision that a watcher was told of. */
  readonly told: number;
}

/** What a store must hold, by what its writers said, over all rounds. */
export class Ledger {
  revision = 0;
  answered = 0;
  /** Of the writes whose answer did not come. */
  whole = 0;
  absent = 0;
  #compactedRevision = 0;
  #live: ReadonlyMap<string, Resource> = new Map();
  #past: readonly Change[] = [];

  /** The same knowledge, for another way that things may go on from here. */
  copy(): Ledger {
    const copy = new Ledger();
    Object.assign(copy, { ...this });
    copy.#compactedRevision = this.#compactedRevision;
    copy.#live = this.#live;
    copy.#past = this.#past;
    return copy;
  }

  /** Compares the store with what was said since the last time. */
  check(store: Store, reports: readonly Report[]): void {
    const { compactedRevision, revision } = store;
    const round = roundOf(reports);
    const changes = changesAfter(store, compactedRevision);
    const revisions = Array.from(changes, (_, index) => compactedRevision + index + 1);
    assert.deepEqual(
      changes.map((it) => it.revision),
      revisions,
    );
    assert.equal(compactedRevision + changes.length, revision);
    assert(revision >= round.told, `a watcher was told of ${round.told}, which is gone`);
    assert(compactedRevision >= this.#compactedRevision, "a compaction is not undone");
    const known = this.#past.filter((it) => it.revision > compactedRevision);
    assert.deepEqual(changes.slice(0, known.length), known, "the past is what it was");
    const news = changes.slice(known.length);
    this.#checkNews(news, round);
    this.#checkLive(store, news);
    const middle = compactedRevision + (changes.length >>> 1);
    assert.deepEqual(changesAfter(store, middle), changes.slice(middle - compactedRevision));
    this.revision = revision;
    this.#compactedRevision = compactedRevision;
    this.#past = changes;
  }

  /** Every answered write is there under its number, and everything there was asked for. */
  #checkNews(news: readonly Change[], { asked, answered, open }: Round): void {
    const missing = new Map(answered);
    const unanswered = new Set(open);
    for (const change of news) {
      const id = answered.get(change.revision) ?? unansweredOf(change, { asked, unanswered });
      assert(id !== undefined, `nobody asked for revision ${change.revision}`);
      missing.delete(change.revision);
      unanswered.delete(id);
      checkWhole(change, asked.get(id));
    }
    assert.deepEqual(missing, new Map(), "answered writes are missing");
    this.answered += answered.size;
    this.absent += unanswered.size;
    this.whole += open.size - unanswered.size;
  }

  /** What is live is the sum of the changes; and each knew what was before. */
  #checkLive(store: Store, news: readonly Change[]): void {
    const live = new Map(this.#live);
    for (const { type, resource, previous } of news) {
      const path = pathOf(resource.metadata);
      assert.deepEqual(previous, live.get(path));
      if (type === "put") live.set(path, resource);
      else live.delete(path);
    }
    const listed = store.list(CONFIG_MAP).map((it) => [pathOf(it.metadata), it] as const);
    const sorted = [...live].sort(([one], [other]) => (one < other ? -1 : 1));
    assert.deepEqual(listed, sorted);
    this.#live = live;
  }
}

function roundOf(reports: readonly Report[]): Round {
  const asked = new Map<string, Asked>();
  const answered = new Map<number, string>();
  const open = new Set<string>();
  let last = 0;
  let told = 0;
  for (const report of reports) {
    if ("asked" in report) {
      asked.set(report.asked, report);
      open.add(report.asked);
    } else if ("answered" in report) {
      assert(report.revision > last, "answers come in the order of the log");
      last = report.revision;
      answered.set(last, report.answered);
      open.delete(report.answered);
    } else if ("told" in report) {
      assert(told === 0 || report.told === told + 1, "watchers are told in order, and once");
      told = report.told;
    } else if ("refused" in report) {
      assert(["NotFound", "AlreadyExists", "Conflict"].includes(report.reason), report.reason);
      open.delete(report.refused);
    }
  }
  return { asked, answered, open, told };
}

interface Candidates {
  readonly asked: Round["asked"];
  readonly unanswered: ReadonlySet<string>;
}

/** The write without an answer that this change must have come from. */
function unansweredOf({ type, resource }: Change, { asked, unanswered }: Candidates) {
  return [...unanswered].find((id) => {
    const { act, path } = asked.get(id) ?? {};
    if (act !== type || path !== pathOf(resource.metadata)) return false;
    return type === "delete" || Reflect.get(resource, "data")?.id === id;
  });
}

function checkWhole({ type, resource, revision, previous }: Change, asked: Asked | undefined) {
  assert(asked !== undefined && asked.act === type && asked.path === pathOf(resource.metadata));
  const whole = type === "put" ? written(asked.asked, asked.path) : previous;
  assert(whole !== undefined);
  const metadata = { ...whole.metadata, resourceVersion: String(revision) };
  assert.deepEqual(resource, { ...whole, metadata });
}

function changesAfter(store: Store, revision: number): readonly Change[] {
  const changes: Change[] = [];
  store.watch(revision, (change) => changes.push(change))[Symbol.dispose]();
  return changes;
}
