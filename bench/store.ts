import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { CONFIG_MAP, type ConfigMap } from "../src/api/config_map.ts";
import { textOf } from "../src/api/text.ts";
import { silentLog } from "../src/base/log.ts";
import { openDiskStore } from "../src/store/disk.ts";
import { configMap } from "../src/store/store.suite.ts";
import { type Store, storeKey } from "../src/store/store.ts";
import { hasEtcd, startEtcd } from "./etcd.ts";
import { claim, elapsedMs, inTurn, rounded, times } from "./report.ts";

const ROUNDS = 5;
const WRITERS = 64;
const RESOURCES = 100_000;
const NAMESPACES = 10;
const TEXT = "x".repeat(800);

type Write = (resource: ConfigMap) => unknown;

/** A ConfigMap of 1 KB. */
function sample(number: number): ConfigMap {
  return configMap(`n${number % NAMESPACES}/c${number}`, { text: TEXT });
}

async function main(directory: string): Promise<void> {
  await benchWrites(directory);
  await benchEtcd(directory);
  await benchLarge(join(directory, "large.db"));
  await benchWatch(join(directory, "watch.db"));
}

/** Writes of all writers in a second. */
async function rateOf(write: Write, { writers, writes }: { writers: number; writes: number }) {
  let next = 0;
  const ms = await elapsedMs(() =>
    Promise.all(
      Array.from({ length: writers }, async () => {
        while (next < writes) await write(sample(next++));
      }),
    ),
  );
  return (writes / ms) * 1000;
}

async function benchWrites(directory: string): Promise<void> {
  await using store = await openDiskStore({ path: join(directory, "ours.db"), log: silentLog });
  using peer = oneByOne(join(directory, "peer.db"));
  const put = (resource: ConfigMap) => store.put(resource, { expected: "any" });
  for (const { writers, writes } of [
    { writers: 1, writes: 2000 },
    { writers: WRITERS, writes: 20_000 },
  ]) {
    const { ours, naive } = await inTurn(ROUNDS, {
      ours: () => rateOf(put, { writers, writes }),
      naive: () => rateOf(peer.write, { writers, writes: 2000 }),
    });
    const ratio = `${times(ours, naive)} one-transaction-per-write`;
    claim("store", `durable writes ${writers} writers: ${rounded(ours)}/s, ${ratio}`);
  }
}

/** What one would write first: the same database, as safe, a transaction for each write. */
function oneByOne(path: string): { readonly write: Write } & Disposable {
  const database = new DatabaseSync(path);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE resources (key TEXT PRIMARY KEY, body TEXT);
  `);
  const insert = database.prepare("INSERT OR REPLACE INTO resources VALUES (?, ?)");
  return {
    write: (it) => insert.run(storeKey(it, it.metadata), JSON.stringify(it)),
    [Symbol.dispose]: () => database.close(),
  };
}

async function benchEtcd(directory: string): Promise<void> {
  if (!hasEtcd()) {
    claim("store", "durable writes against etcd: skipped, as there is no etcd on the PATH");
    return;
  }
  await using store = await openDiskStore({ path: join(directory, "to.db"), log: silentLog });
  await using etcd = await startEtcd();
  for (const writers of [1, WRITERS]) {
    const { ours, theirs } = await inTurn(ROUNDS, {
      ours: () => rateOf((it) => store.put(it, { expected: "any" }), { writers, writes: 4000 }),
      theirs: () => {
        const put: Write = (it) => etcd.put(storeKey(it, it.metadata), textOf(it));
        return rateOf(put, { writers, writes: 1000 });
      },
    });
    const rates = `${rounded(ours)}/s in process, ${times(ours, theirs)} etcd`;
    const how = `${rounded(theirs)}/s over its HTTP gateway`;
    claim("store", `durable writes ${writers} writers: ${rates} (${how})`);
  }
}

async function benchLarge(path: string): Promise<void> {
  {
    await using store = await openDiskStore({ path, log: silentLog });
    await rateOf((it) => store.put(it, { expected: "any" }), { writers: 500, writes: RESOURCES });
  }
  await benchOpen(path);
  await using store = await openDiskStore({ path, log: silentLog });
  await benchList(store);
}

/** Each time in a process of its own, for memory is only known of those. */
async function benchOpen(path: string): Promise<void> {
  const self = fileURLToPath(import.meta.url);
  const runs = Array.from({ length: 3 }, (): Opened => {
    const flags = ["--expose-gc", self, "open", path];
    return JSON.parse(execFileSync(process.execPath, flags, { encoding: "utf8" }));
  });
  const [, run] = runs.sort((one, other) => one.openMs - other.openMs);
  if (run === undefined) return;
  const { openMs, parseMs, heapBytes, textBytes } = run;
  const what = `${RESOURCES.toLocaleString("en-US")} resources of 1 KB`;
  const opened = `${rounded(openMs)} ms, ${times(openMs, parseMs)} parsing their JSON`;
  claim("store", `open ${what}: ${opened}`);
  const bytes = `${rounded(heapBytes / RESOURCES)} bytes of heap each`;
  claim("store", `memory of ${what}: ${bytes}, ${times(heapBytes, textBytes)} their JSON`);
}

interface Opened {
  readonly openMs: number;
  readonly parseMs: number;
  readonly heapBytes: number;
  readonly textBytes: number;
}

async function measureOpening(path: string): Promise<Opened> {
  const heap = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  const start = performance.now();
  await using store = await openDiskStore({ path, log: silentLog });
  const openMs = performance.now() - start;
  const heapBytes = heap() - before;
  const texts = store.list(CONFIG_MAP).map((it) => JSON.stringify(it));
  const parsed: unknown[] = [];
  const parseMs = await elapsedMs(() => {
    for (const text of texts) parsed.push(JSON.parse(text));
  });
  const textBytes = texts.reduce((sum, it) => sum + it.length, 0);
  return { openMs, parseMs, heapBytes, textBytes };
}

async function benchList(store: Store): Promise<void> {
  const all = store.list(CONFIG_MAP);
  const lists = 50;
  const { ours, scan, changed } = await inTurn(ROUNDS, {
    ours: () => elapsedMs(() => repeat(lists, () => store.list(CONFIG_MAP, "n5"))),
    scan: () =>
      elapsedMs(() => repeat(lists, () => all.filter((it) => it.metadata.namespace === "n5"))),
    changed: async () => {
      let ms = 0;
      for (let count = 0; count < lists; count += 1) {
        await store.put(sample(RESOURCES + Math.round(Math.random() * 1e9)), { expected: "any" });
        ms += await elapsedMs(() => store.list(CONFIG_MAP, "n5"));
      }
      return ms;
    },
  });
  const per = (ms: number) => `${rounded(ms / lists)} ms`;
  const ratio = `${times(ours, scan)} a scan`;
  const after = `${per(changed)} right after one was added`;
  claim("store", `list 10,000 of ${RESOURCES.toLocaleString("en-US")}: ${per(ours)}, ${ratio}`);
  claim("store", `list 10,000 again: ${after}, ${times(changed, scan)} a scan`);
}

/** From the write to the last of a thousand watchers, a write at a time. */
async function benchWatch(path: string): Promise<void> {
  await using store = await openDiskStore({ path, log: silentLog });
  const write = (it: ConfigMap) => store.put(it, { expected: "any" });
  const load = { writers: WRITERS, writes: 5000 };
  let told = 0;
  const watchers = 1000;
  const { alone, watched } = await inTurn(ROUNDS, {
    alone: () => rateOf(write, load),
    watched: async () => {
      using stack = new DisposableStack();
      for (let count = 0; count < watchers; count += 1) {
        stack.use(
          store.watch(store.revision, () => {
            told += 1;
          }),
        );
      }
      return await rateOf(write, load);
    },
  });
  const rate = `${rounded(watched * watchers)} deliveries/s at ${rounded(watched)} writes/s`;
  const complete = told === watchers * load.writes * ROUNDS ? "none lost" : `ONLY ${told} TOLD`;
  const ratio = `${times(watched, alone)} the writes without watchers`;
  claim("store", `watch fan-out to 1,000: ${rate}, ${ratio}, ${complete}`);
}

function repeat(count: number, act: () => unknown): void {
  for (let done = 0; done < count; done += 1) act();
}

const [, , command, file = ""] = process.argv;
if (command === "open") {
  process.stdout.write(JSON.stringify(await measureOpening(file)));
} else {
  const directory = mkdtempSync(join(tmpdir(), "varve-bench-"));
  try {
    await main(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
