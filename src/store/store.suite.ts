import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { isReason, type Reason } from "../api/error.ts";
import { NAMESPACE } from "../api/namespace.ts";
import { type Change, type Expected, type Store, storeKey } from "./store.ts";

/** A ConfigMap as the server would hand it to a store. "a/b" is b of namespace a. */
export function configMap(path: string, data: Record<string, string> = {}): ConfigMap {
  const [name = "", namespace = "default"] = path.split("/").reverse();
  const { apiVersion, kind } = CONFIG_MAP;
  const stamps = { generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" };
  const metadata = { name, namespace, uid: `uid-of-${name}`, resourceVersion: "", ...stamps };
  return { apiVersion, kind, metadata, data };
}

/** A change in one line, such as "3 put default/a 1→3". */
export function lineOf({ revision, type, resource, previous }: Change): string {
  const { namespace, name, resourceVersion } = resource.metadata;
  const before = previous?.metadata.resourceVersion ?? "nothing";
  return `${revision} ${type} ${namespace}/${name} ${before}→${resourceVersion}`;
}

/** Collects what a watch tells, in lines. */
export function watched(store: Store, after: number): string[] & Disposable {
  const lines: string[] = [];
  const watch = store.watch(after, (change) => lines.push(lineOf(change)));
  return Object.assign(lines, { [Symbol.dispose]: () => watch[Symbol.dispose]() });
}

const ANY = { expected: "any" } as const;

/** What every driver of the store must do. */
export function describeStore(driver: string, open: () => Promise<Store>): void {
  describe(`store/${driver}`, () => {
    describeWrites(open);
    describeReads(open);
    describeWatches(open);
    describeListeners(open);
    describeCompaction(open);
    describeClosing(open);
  });
}

function describeWrites(open: () => Promise<Store>): void {
  test("a write is answered with the resource, stamped with its revision", async () => {
    await using store = await open();
    assert.equal(store.revision, 0);
    const draft = configMap("a", { key: "value" });
    const stored = await store.put(draft, ANY);
    const metadata = { ...draft.metadata, resourceVersion: "1" };
    assert.deepEqual(stored, { ...draft, metadata });
    assert.equal(store.revision, 1);
    assert.equal(draft.metadata.resourceVersion, "", "the draft itself is left alone");
  });

  test("a deletion is answered with what it was, and takes a number of its own", async () => {
    await using store = await open();
    const stored = await store.put(configMap("a", { key: "value" }), ANY);
    const gone = await store.delete(configMap("a"), { expected: "1" });
    const metadata = { ...stored.metadata, resourceVersion: "2" };
    assert.deepEqual(gone, { ...stored, metadata });
    assert.equal(store.get(CONFIG_MAP, gone.metadata), undefined);
    assert.equal(store.revision, 2);
  });

  for (const { title, act, expected, on, reason, message } of REFUSALS) {
    test(`${title}: ${reason}, and nothing is written`, async () => {
      await using store = await open();
      await store.put(configMap("there"), ANY);
      const told = watched(store, store.revision);
      const writing = store[act](configMap(on, { new: "value" }), { expected });
      await assert.rejects(writing, (thrown) => {
        assert(isReason(thrown, reason));
        assert.equal(thrown.message, message);
        return true;
      });
      assert.equal(store.revision, 1);
      assert.deepEqual([...told], []);
      assert.deepEqual(store.list(CONFIG_MAP)[0]?.data, {});
    });
  }

  test("writes that come at once are decided in the order they came", async () => {
    await using store = await open();
    const outcomes = await Promise.allSettled([
      store.put(configMap("a"), { expected: "absent" }),
      store.put(configMap("a"), { expected: "absent" }),
      store.put(configMap("a"), { expected: "1" }),
      store.put(configMap("a"), { expected: "1" }),
      store.delete(configMap("a"), { expected: "2" }),
      store.put(configMap("a"), { expected: "2" }),
      store.put(configMap("a"), { expected: "absent" }),
    ]);
    const versions = outcomes.map((outcome) => {
      if (outcome.status === "fulfilled") return outcome.value.metadata.resourceVersion;
      return outcome.reason.status.reason;
    });
    const refused = ["AlreadyExists", "Conflict", "NotFound"] as const;
    assert.deepEqual(versions, ["1", refused[0], "2", refused[1], "3", refused[2], "4"]);
    assert.equal(store.revision, 4);
  });

  test("a resource that is no JSON is refused, and disturbs nobody", async () => {
    await using store = await open();
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    const bad = { ...configMap("bad"), spec: circular };
    const writing = [store.put(configMap("a"), ANY), store.put(bad, ANY)] as const;
    const good = store.put(configMap("b"), ANY);
    assert.equal((await writing[0]).metadata.resourceVersion, "1");
    await assert.rejects(writing[1], TypeError);
    assert.equal((await good).metadata.resourceVersion, "2");
  });
}

interface Refused {
  readonly title: string;
  readonly act: "put" | "delete";
  readonly on: string;
  readonly expected: Expected;
  readonly reason: Reason;
  readonly message: string;
}

const MODIFIED =
  'Operation cannot be fulfilled on configmaps "there": the object has been modified; ' +
  "please apply your changes to the latest version and try again";
const THERE = 'configmaps "there" already exists';
const GONE = 'configmaps "gone" not found';

const REFUSALS: readonly Refused[] = [
  {
    title: "creating what is there",
    ...{ act: "put", on: "there", expected: "absent", reason: "AlreadyExists", message: THERE },
  },
  {
    title: "replacing what is gone",
    ...{ act: "put", on: "gone", expected: "1", reason: "NotFound", message: GONE },
  },
  {
    title: "replacing what has changed",
    ...{ act: "put", on: "there", expected: "7", reason: "Conflict", message: MODIFIED },
  },
  {
    title: "deleting what is gone, whatever it was",
    ...{ act: "delete", on: "gone", expected: "any", reason: "NotFound", message: GONE },
  },
  {
    title: "deleting what has changed",
    ...{ act: "delete", on: "there", expected: "7", reason: "Conflict", message: MODIFIED },
  },
];

function describeReads(open: () => Promise<Store>): void {
  test("reads are of the very object that was answered, until it is written again", async () => {
    await using store = await open();
    const first = await store.put(configMap("a"), ANY);
    const reads = [store.get(CONFIG_MAP, first.metadata), store.list(CONFIG_MAP)[0]];
    assert(reads.every((it) => it === first));
    const second = await store.put(first, { expected: "1" });
    assert.equal(store.get(CONFIG_MAP, first.metadata), second);
  });

  test("a list is by namespace and then by name, of one kind, of one namespace", async () => {
    await using store = await open();
    const { apiVersion, kind } = NAMESPACE;
    const { metadata } = configMap("b");
    const paths = ["b/b", "a/b", "b/a", "b-c/a", "a/a-b", "a/a", "b/c"];
    for (const path of paths) await store.put(configMap(path), ANY);
    const { namespace: _, ...named } = metadata;
    await store.put({ apiVersion, kind, metadata: named }, ANY);
    await store.delete(configMap("b/b"), ANY);
    await store.put(configMap("a/c"), ANY);
    const keys = (of: readonly ConfigMap[]) => of.map((it) => storeKey(it, it.metadata));
    const inA = ["ConfigMap/a/a", "ConfigMap/a/a-b", "ConfigMap/a/b", "ConfigMap/a/c"];
    const inB = ["ConfigMap/b/a", "ConfigMap/b/c"];
    assert.deepEqual(keys(store.list(CONFIG_MAP)), [...inA, "ConfigMap/b-c/a", ...inB]);
    assert.deepEqual(keys(store.list(CONFIG_MAP, "a")), inA);
    assert.deepEqual(keys(store.list(CONFIG_MAP, "b")), inB);
    assert.deepEqual(keys(store.list(CONFIG_MAP, "")), []);
    assert.deepEqual(store.list(NAMESPACE), [store.get(NAMESPACE, { name: "b" })]);
  });

  test("a list in hand does not change", async () => {
    await using store = await open();
    await store.put(configMap("a"), ANY);
    const before = store.list(CONFIG_MAP);
    await store.put(configMap("b"), ANY);
    await store.delete(configMap("a"), ANY);
    assert.deepEqual(
      before.map((it) => it.metadata.name),
      ["a"],
    );
  });

  test("kinds of the same name in other groups are other kinds", async () => {
    await using store = await open();
    await store.put(configMap("a"), ANY);
    const kind = { ...CONFIG_MAP, apiVersion: "example.com/v1" };
    assert.deepEqual(store.list(kind), []);
    await store.put({ ...configMap("a", { of: "them" }), apiVersion: "example.com/v2" }, ANY);
    assert.deepEqual(store.get(kind, configMap("a").metadata)?.data, { of: "them" });
    assert.deepEqual(store.get(CONFIG_MAP, configMap("a").metadata)?.data, {});
  });
}

function describeWatches(open: () => Promise<Store>): void {
  test("a watch tells what is past and then what comes, each once, in order", async () => {
    await using store = await open();
    await store.put(configMap("a"), ANY);
    await store.put(configMap("b"), ANY);
    await store.put(configMap("a"), ANY);
    using told = watched(store, 1);
    assert.deepEqual([...told], ["2 put default/b nothing→2", "3 put default/a 1→3"]);
    await Promise.all([store.delete(configMap("a"), ANY), store.put(configMap("a"), ANY)]);
    const later = ["4 delete default/a 3→4", "5 put default/a nothing→5"];
    assert.deepEqual(told.slice(2), later);
    using future = watched(store, 6);
    await store.put(configMap("c"), ANY);
    await store.put(configMap("d"), ANY);
    assert.deepEqual([...future], ["7 put default/d nothing→7"]);
  });

  test("a change carries what is stored, what was, and of a deletion what was last", async () => {
    await using store = await open();
    const changes: Change[] = [];
    using _ = store.watch(0, (change) => changes.push(change));
    const first = await store.put(configMap("a", { n: "1" }), ANY);
    const second = await store.put(configMap("a", { n: "2" }), ANY);
    const gone = await store.delete(first, ANY);
    const replayed: Change[] = [];
    using __ = store.watch(0, (change) => replayed.push(change));
    assert.deepEqual(changes, [
      { revision: 1, type: "put", resource: first, previous: undefined },
      { revision: 2, type: "put", resource: second, previous: first },
      { revision: 3, type: "delete", resource: gone, previous: second },
    ]);
    assert.deepEqual(replayed, changes);
  });

  test("whoever hears of a change can read it, and has the answer still to come", async () => {
    await using store = await open();
    const events: string[] = [];
    using _ = store.watch(0, ({ resource, revision }) => {
      assert.equal(store.get(CONFIG_MAP, resource.metadata), resource);
      assert(store.revision >= revision);
      events.push("told");
    });
    const writing = store.put(configMap("a"), ANY).then(() => events.push("answered"));
    assert.deepEqual(events, [], "nobody hears of it within the call");
    await writing;
    assert.deepEqual(events, ["told", "answered"]);
  });
}

function describeListeners(open: () => Promise<Store>): void {
  test("a watch that begins while others are told hears of each change once", async () => {
    await using store = await open();
    const late: string[] = [];
    let nested: Disposable | undefined;
    using _ = store.watch(0, () => {
      nested ??= store.watch(0, (change) => late.push(lineOf(change)));
    });
    await Promise.all([1, 2, 3].map((n) => store.put(configMap(`a${n}`), ANY)));
    nested?.[Symbol.dispose]();
    assert.deepEqual(
      late,
      [1, 2, 3].map((n) => `${n} put default/a${n} nothing→${n}`),
    );
  });

  test("a listener may end its own watch, and those of others", async () => {
    await using store = await open();
    const heard: string[] = [];
    const watches: Disposable[] = [];
    for (const name of ["first", "second", "third"]) {
      const listener = ({ revision }: Change) => {
        heard.push(`${name} ${revision}`);
        if (name === "second" && revision === 2) for (const it of watches) it[Symbol.dispose]();
      };
      watches.push(store.watch(0, listener));
    }
    await Promise.all([1, 2, 3].map((n) => store.put(configMap(`a${n}`), ANY)));
    for (const it of watches) it[Symbol.dispose]();
    assert.deepEqual(heard, ["first 1", "second 1", "third 1", "first 2", "second 2"]);
  });

  test("a listener may write, and all hear of everything in order", async () => {
    await using store = await open();
    const writing: Promise<unknown>[] = [];
    using _ = store.watch(0, ({ revision }) => {
      if (revision < 4) writing.push(store.put(configMap("a"), ANY));
    });
    using told = watched(store, 0);
    await store.put(configMap("a"), ANY);
    while (store.revision < 4) await Promise.all(writing);
    const versions = ["nothing→1", "1→2", "2→3", "3→4"];
    assert.deepEqual(
      [...told],
      versions.map((it, index) => `${index + 1} put default/a ${it}`),
    );
  });

  test("a listener that refuses the past has its watch refused", async () => {
    await using store = await open();
    await store.put(configMap("a"), ANY);
    let calls = 0;
    const listener = () => {
      calls += 1;
      throw new Error("no");
    };
    assert.throws(() => store.watch(0, listener), { message: "no" });
    await store.put(configMap("a"), ANY);
    assert.equal(calls, 1);
  });
}

function describeCompaction(open: () => Promise<Store>): void {
  test("a compaction keeps what is live, and what was before later changes", async () => {
    await using store = await open();
    await store.put(configMap("a"), ANY);
    await store.put(configMap("a"), ANY);
    await store.put(configMap("b"), ANY);
    await store.delete(configMap("b"), ANY);
    await store.put(configMap("a"), ANY);
    await store.put(configMap("b"), ANY);
    const live = store.list(CONFIG_MAP);
    await store.compact(4);
    assert.equal(store.compactedRevision, 4);
    assert.deepEqual(store.list(CONFIG_MAP), live);
    using told = watched(store, 4);
    assert.deepEqual([...told], ["5 put default/a 2→5", "6 put default/b nothing→6"]);
    assert.throws(() => store.watch(3, () => {}), {
      message: "too old resource version: 3 (4)",
      status: {
        ...{ apiVersion: "v1", kind: "Status", metadata: {}, status: "Failure" },
        ...{ message: "too old resource version: 3 (4)", reason: "Expired", code: 410 },
        details: {},
      },
    });
  });

  test("a compaction does not go back, nor beyond the end", async () => {
    await using store = await open();
    await store.put(configMap("a"), ANY);
    await store.put(configMap("a"), ANY);
    using told = watched(store, 0);
    await store.compact(2);
    await store.compact(1);
    assert.equal(store.compactedRevision, 2);
    await store.compact(100);
    assert.equal(store.compactedRevision, 2);
    await store.put(configMap("a"), ANY);
    assert.equal(told.at(-1), "3 put default/a 2→3", "a watch goes on over compactions");
  });

  test("a store of which all was deleted and forgotten goes on counting", async () => {
    await using store = await open();
    await store.put(configMap("a"), ANY);
    await store.delete(configMap("a"), ANY);
    await store.compact(2);
    assert.deepEqual(store.list(CONFIG_MAP), []);
    const { metadata } = await store.put(configMap("a"), { expected: "absent" });
    assert.equal(metadata.resourceVersion, "3");
  });
}

function describeClosing(open: () => Promise<Store>): void {
  test("closing does what was asked for before, and refuses what comes after", async () => {
    const store = await open();
    const asked = Array.from({ length: 3000 }, (_, n) => store.put(configMap(`a${n}`), ANY));
    const closing = [store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()];
    const isClosed = (thrown: unknown) => isReason(thrown, "ServiceUnavailable");
    await assert.rejects(store.put(configMap("b"), ANY), isClosed);
    await assert.rejects(store.delete(configMap("b"), ANY), isClosed);
    await assert.rejects(store.compact(1), isClosed);
    assert.throws(() => store.watch(0, () => {}), isClosed);
    await Promise.all(closing);
    assert.equal((await Promise.all(asked)).at(-1)?.metadata.resourceVersion, "3000");
  });

  test("a listener may close the store, and all hear what was asked for before", async () => {
    const store = await open();
    const late: Promise<unknown>[] = [];
    const heard: string[] = [];
    for (const name of ["first", "second"]) {
      store.watch(0, ({ revision }) => {
        heard.push(`${name} ${revision}`);
        if (late.length > 0) return;
        late.push(store.put(configMap("late"), ANY), Promise.resolve(store[Symbol.asyncDispose]()));
      });
    }
    await Promise.all([store.put(configMap("a"), ANY), store.put(configMap("b"), ANY)]);
    await Promise.all(late);
    const order = ["first 1", "second 1", "first 2", "second 2", "first 3", "second 3"];
    assert.deepEqual(heard, order);
  });
}
