import { randomBytes, randomInt, randomUUID } from "node:crypto";

/** The only source of chance, so that a test can own it. */
export interface Chance {
  uuid(): string;
  /** In [0, 1). */
  fraction(): number;
  /** Lower-case letters and digits that spell no word: for the end of a generated name. */
  suffix(length: number): string;
  /** A secret of `bytes` bytes, in base64url. */
  token(bytes: number): string;
}

// Kubernetes' alphabet: no vowels, and nothing that reads like one.
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

export const systemChance: Chance = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
  suffix: (length) => spell(length, () => randomInt(ALPHABET.length)),
  token: (bytes) => randomBytes(bytes).toString("base64url"),
};

/** The same chances again for the same seed (mulberry32): for tests, which print their seed. */
export function seededChance(seed: number): Chance {
  let state = seed >>> 0;
  function fraction(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(fraction() * 16).toString(16)).join("");
  return {
    fraction,
    uuid: () => [8, 4, 4, 4, 12].map(hex).join("-"),
    suffix: (length) => spell(length, () => Math.floor(fraction() * ALPHABET.length)),
    token: (bytes) => hex(bytes * 2),
  };
}

function spell(length: number, pick: () => number): string {
  return Array.from({ length }, () => ALPHABET[pick()]).join("");
}
