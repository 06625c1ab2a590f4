import { writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { CONFIG_MAP, type ConfigMap } from "../../src/api/config_map.ts";
import { statusOf } from "../../src/api/error.ts";
import { type Chance, seededChance } from "../../src/base/chance.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { configMap } from "../../src/store/store.suite.ts";
import type { Store } from "../../src/store/store.ts";

/** What the writer says of one write: first that it will ask for it, then how it was answered. */
export type Report =
  | { readonly asked: string; readonly act: "put" | "delete"; readonly path: string }
  | { readonly answered: string; readonly revision: number }
  | { readonly refused: string; readonly reason: string }
  | { readonly told: number }
  | { readonly open: number };

const WRITERS = 12;
const PATHS = 40;

let leftAnswers = Infinity;

/** All of a write is in its id, so that half of one could be told from the whole. */
export function written(id: string, path: string): ConfigMap {
  const length = [...id].reduce((sum, digit) => (sum * 31 + digit.charCodeAt(0)) % 6000, 7);
  return configMap(path, { id, text: id.repeat(Math.ceil(length / id.length)) });
}

/**
 * Writes to the store at `path` until it is killed, or has so many answers. Told: a path, the
 * round, a seed, the number of answers, and how much less to sync than a store does.
 */
async function main(args: readonly string[]): Promise<void> {
  const [path = "", round = "", seed = "", answers = "Infinity", synchronous] = args;
  if (synchronous !== undefined) syncLess(synchronous);
  const chance = seededChance(Number(seed));
  leftAnswers = Number(answers);
  const store = await openDiskStore({ path, log: silentLog });
  const { revision } = store;
  report({ open: revision });
  store.watch(revision, (change) => report({ told: change.revision }));
  const writers = Array.from({ length: WRITERS }, (_, writer) =>
    writeOn(store, { chance, name: `${round}.${writer}` }),
  );
  await Promise.all([...writers, compactOn(store, { chance, upTo: revision })]);
}

interface Writer {
  readonly chance: Chance;
  readonly name: string;
}

async function writeOn(store: Store, { chance, name }: Writer): Promise<never> {
  for (let count = 0; ; count += 1) {
    const id = `${name}.${count}`;
    const at = Math.floor(chance.fraction() * PATHS);
    const path = `${at % 2 === 0 ? "even" : "odd"}/c${at}`;
    const resource = written(id, path);
    const { resourceVersion: current = "absent" } =
      store.get(CONFIG_MAP, resource.metadata)?.metadata ?? {};
    const act = chance.fraction() < 0.2 ? "delete" : "put";
    const expected = chance.fraction() < 0.5 ? "any" : current;
    report({ asked: id, act, path });
    try {
      const { metadata } = await store[act](resource, { expected });
      report({ answered: id, revision: Number(metadata.resourceVersion) });
      leftAnswers -= 1;
      if (leftAnswers <= 0) process.exit();
    } catch (thrown) {
      report({ refused: id, reason: statusOf(thrown).reason });
    }
  }
}

/** Forgets bit by bit what was there before this round, so that sweeps are killed as well. */
async function compactOn(store: Store, { chance, upTo }: { chance: Chance; upTo: number }) {
  while (store.compactedRevision < upTo) {
    const step = 1 + Math.floor(chance.fraction() * 800);
    await store.compact(Math.min(upTo, store.compactedRevision + step));
    await new Promise((resolve) => setTimeout(resolve, chance.fraction() * 20));
  }
}

/** Breaks the promise of stores, for a test that must notice. */
function syncLess(synchronous: string): void {
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function less(sql) {
    exec.call(this, sql.replace("synchronous = FULL", `synchronous = ${synchronous}`));
  };
}

/** In the pipe before it returns, whatever happens to us then. */
function report(line: Report): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (thrown) {
      // The pipe is full, and is read by a process of its own.
      if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EAGAIN")) throw thrown;
    }
  }
}

if (import.meta.main) await main(process.argv.slice(2));
