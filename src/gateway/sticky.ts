import { POINTS } from "./route_table.ts";

/**
 * Where a key lies from 0 to 999, as evenly as chance would have it. The salt makes it another
 * place for each route, so that the same people are not the first to try everything.
 */
export function pointOf(key: string, salt: number): number {
  return Math.floor((hashOf(key, salt) / 2 ** 32) * POINTS);
}

/**
 * FNV-1a over the bytes of UTF-16, and Murmur3's finish: without that, keys that count up would
 * miss their share by half.
 */
export function hashOf(key: string, salt = 0): number {
  let hash = 0x811c9dc5 ^ salt;
  for (let at = 0; at < key.length; at += 1) {
    const unit = key.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
