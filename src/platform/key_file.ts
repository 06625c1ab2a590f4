import { readFile, stat } from "node:fs/promises";
import { isMissing, replaceFile } from "../base/durable_file.ts";
import type { Log } from "../base/log.ts";
import { t } from "../base/schema.ts";
import { read } from "../base/schema_reading.ts";
import type { Seal } from "../base/seal.ts";
import {
  isCurrentWith,
  newWrappingKey,
  openWith,
  sealWith,
  type Vault,
  type VaultKeys,
  type WrappingKey,
  wrappingKey,
} from "../store/vault.ts";
import type { Part } from "./start_all.ts";

const schema = t.Object({ keys: t.Array(t.Object({ id: t.String(), key: t.String() })) });

interface KeyFileDeps {
  readonly path: string;
  readonly log: Log;
}

/** What is kept of instances is sealed as Secrets are: it has their variables in it. */
export function instanceSeal(vault: Vault): Seal {
  const keyOf = (name: string) => `Secret/@instances/${name}`;
  return {
    seal: (name, text) => vault.seal(keyOf(name), text),
    open: (name, text) => vault.open(keyOf(name), text),
  };
}

/** Holds what is sealed. */
export interface Sealed {
  /** Seals all of it anew. Answers how many texts that were. */
  reseal(): Promise<number> | number;
}

/** At a start, when all can be read: finishes what an earlier process has not, a rotation. */
export class SettledKeys implements Part {
  readonly #vault: KeyFile;
  readonly #runtime: Sealed;

  constructor(vault: KeyFile, runtime: Sealed) {
    this.#vault = vault;
    this.#runtime = runtime;
  }

  async start(): Promise<void> {
    await this.#runtime.reseal();
    await this.#vault.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The vault whose keys are in a file. What is first in it seals; others only open. */
export class KeyFile implements Vault {
  readonly #log: Log;
  #keys: VaultKeys;
  #rotating: Promise<unknown> = Promise.resolve();

  constructor(keys: VaultKeys, log: Log) {
    this.#keys = keys;
    this.#log = log;
  }

  /** Reads the file, if there is one. Throws an `Error` that names it when it is no key file. */
  static async open({ path, log }: KeyFileDeps): Promise<KeyFile> {
    const [primary, ...others] = await readKeys(path, log);
    return new KeyFile({ primary, others, path }, log);
  }

  seal(key: string, text: string): string {
    return sealWith(this.#keys, key, text);
  }

  open(key: string, text: string): string {
    return openWith(this.#keys, key, text);
  }

  isCurrent(key: string, text: string): boolean {
    return isCurrentWith(this.#keys, key, text);
  }

  async begin(): Promise<void> {
    if (this.#keys.primary !== undefined) return;
    await this.#keep([newWrappingKey()]);
    const { path } = this.#keys;
    this.#log.info({ path }, "made a key for Secrets: keep a copy of it apart from the backups");
  }

  /** Called once nothing is sealed with earlier keys any more: they are forgotten. */
  async settled(): Promise<void> {
    const { primary, others } = this.#keys;
    if (primary !== undefined && others.length > 0) await this.#keep([primary]);
  }

  /**
   * Makes a new key, has everything sealed with it, and forgets the old one. Whenever it is
   * interrupted, the file has all keys that are in use, and the next start goes on.
   */
  async rotate(all: readonly Sealed[]): Promise<{ readonly id: string; readonly rows: number }> {
    const before = this.#rotating;
    const mine = (async () => {
      await before.catch(() => {});
      const { primary, others } = this.#keys;
      const made = newWrappingKey();
      await this.#keep([made, ...(primary === undefined ? [] : [primary]), ...others]);
      let rows = 0;
      for (const each of all) rows += await each.reseal();
      await this.settled();
      return { id: made.id, rows };
    })();
    this.#rotating = mine;
    return await mine;
  }

  /** In the file first: nothing is ever sealed with a key that could be lost. */
  async #keep([primary, ...others]: readonly WrappingKey[]): Promise<void> {
    const { path } = this.#keys;
    const all = primary === undefined ? others : [primary, ...others];
    const keys = all.map(({ id, bytes }) => ({ id, key: bytes.toString("base64") }));
    await replaceFile(path, `${JSON.stringify({ keys }, undefined, 2)}\n`, { mode: 0o600 });
    this.#keys = { primary, others, path };
  }
}

async function readKeys(path: string, log: Log): Promise<readonly WrappingKey[]> {
  try {
    const { value, problems } = read(schema, JSON.parse(await readFile(path, "utf8")));
    const [problem] = problems;
    if (problem !== undefined) throw new Error(`${problem.path}: ${problem.message}`);
    if (value.keys.length === 0) throw new Error("keys: there is none");
    await checkMode(path, log);
    return value.keys.map(({ id, key }) => checked(id, wrappingKey(Buffer.from(key, "base64"))));
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    // JSON.parse repeats what it could not read, and that may be a key.
    const why = thrown instanceof SyntaxError ? "it is no JSON" : messageOf(thrown);
    const way = "restore it from where its copy is kept";
    throw new Error(`Cannot use the key file of Secrets "${path}": ${why}; ${way}`);
  }
}

function checked(id: string, key: WrappingKey): WrappingKey {
  if (key.id === id) return key;
  throw new Error(`the key ${id} is not the one it was: it is ${key.id}`);
}

async function checkMode(path: string, log: Log): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return;
  log.warn({ path }, "others than its owner may read the key of Secrets: chmod 600 it");
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
