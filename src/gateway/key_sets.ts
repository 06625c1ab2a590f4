import type { Clock } from "../base/clock.ts";
import { type KeySet, localKeys, remoteKeys } from "../base/jwt.ts";

const FRESH_MS = 10 * 60_000;
const COOLDOWN_MS = 1_000;
/** For so long an issuer may be out of reach, while its last keys still count. */
const STALE_MS = 24 * 3_600_000;
const BYTES_MAX = 256 * 1024;
const SETS_MAX = 1000;

/** The keys could not be fetched, and there are none from before. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

/** The keys of issuers, one set for each address, whoever asks for it. */
export class KeySets {
  readonly #clock: Clock;
  readonly #sets = new Map<string, Promise<KeySet>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Fetched when first needed, after ten minutes, and when a key turns up that is not known. */
  at(uri: string): Promise<KeySet> {
    const known = this.#sets.get(uri);
    if (known !== undefined) return known;
    if (this.#sets.size >= SETS_MAX) this.#sets.clear();
    const load = this.#loader(uri);
    const set = remoteKeys({ load, freshMs: FRESH_MS, cooldownMs: COOLDOWN_MS });
    this.#sets.set(uri, set);
    return set;
  }

  of(jwks: string): Promise<KeySet> {
    return localKeys(JSON.parse(jwks));
  }

  #loader(uri: string): (signal: AbortSignal) => Promise<unknown> {
    let last: unknown;
    let lastMs = -Infinity;
    return async (signal) => {
      try {
        last = await fetchJson(uri, signal);
        lastMs = this.#clock.elapsed();
      } catch (thrown) {
        if (this.#clock.elapsed() - lastMs > STALE_MS) {
          throw new KeysUnavailable(`Cannot fetch "${uri}"`, { cause: thrown });
        }
      }
      return last;
    };
  }
}

async function fetchJson(uri: string, signal: AbortSignal): Promise<unknown> {
  const answer = await fetch(uri, { signal, headers: { accept: "application/json" } });
  if (!answer.ok || answer.body === null) throw new Error(`it answered ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw new Error(`it is longer than ${BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
