import { writeSync } from "node:fs";
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
  | { readonly open: number };

const WRITERS = 12;
const PATHS = 40;

/** All of a write is in its id, so that half of one could be told from the whole. */
export function written(id: string, path: string): ConfigMap {
  const length = [...id].reduce((sum, digit) => (sum * 31 + digit.charCodeAt(0)) % 6000, 7);
  return configMap(path, { id, text: id.repeat(Math.ceil(length / id.length)) });
}

/** Writes to the store at `path` until it is killed. Told: a path, the round, and a seed. */
async function main([path = "", round = "", seed = ""]: readonly string[]): Promise<void> {
  const chance = seededChance(Number(seed));
  const store = await openDiskStore({ path, log: silentLog });
  const { revision } = store;
  report({ open: revision });
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
