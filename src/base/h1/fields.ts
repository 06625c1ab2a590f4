import { isWord, wordOf } from "./bytes.ts";

/** Headers that mean something to us; all others are `OTHER`, and pass as they are. */
export const OTHER = 0;
export const HOST = 1;
export const CONNECTION = 2;
export const CONTENT_LENGTH = 3;
export const TRANSFER_ENCODING = 4;
export const UPGRADE = 5;
export const EXPECT = 6;
export const TE = 7;
export const TRAILER = 8;
/** One that speaks of this connection, and of which nothing is asked (RFC 9110, 7.6.1). */
export const HOP = 9;
/** `Forwarded` and its older kin, which are made anew from these. */
export const FORWARDED = 10;
/** What only the gateway may say. */
export const OURS = 11;
export const DATE = 12;
export const CONTENT_TYPE = 13;
/** A client may ask for one, where a route lets it; an instance may not say that it is another. */
export const REVISION = 14;

/** By their length, which leaves one or two to compare with. */
const BY_LENGTH: readonly (readonly (readonly [Uint8Array, number])[])[] = table({
  host: HOST,
  connection: CONNECTION,
  "content-length": CONTENT_LENGTH,
  "transfer-encoding": TRANSFER_ENCODING,
  upgrade: UPGRADE,
  expect: EXPECT,
  te: TE,
  trailer: TRAILER,
  "http2-settings": HOP,
  "keep-alive": HOP,
  "proxy-authenticate": HOP,
  "proxy-authorization": HOP,
  "proxy-connection": HOP,
  forwarded: FORWARDED,
  "x-forwarded-for": FORWARDED,
  "x-forwarded-host": FORWARDED,
  "x-forwarded-proto": FORWARDED,
  "knative-serving-namespace": OURS,
  "knative-serving-revision": OURS,
  "varve-revision": REVISION,
  date: DATE,
  "content-type": CONTENT_TYPE,
});

/**
 * Which of them a name is.
 *
 * HOT: runs for every header. No allocation, no exception.
 */
export function fieldOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  const same = length < BY_LENGTH.length ? BY_LENGTH[length] : undefined;
  if (same === undefined) return OTHER;
  for (let at = 0; at < same.length; at += 1) {
    const [word, field] = same[at] as (typeof same)[number];
    if (isWord(bytes, from, to, word)) return field;
  }
  return OTHER;
}

function table(names: Readonly<Record<string, number>>): [Uint8Array, number][][] {
  const longest = Math.max(...Object.keys(names).map(({ length }) => length));
  const lists: [Uint8Array, number][][] = Array.from({ length: longest + 1 }, () => []);
  for (const [name, field] of Object.entries(names))
    lists[name.length]?.push([wordOf(name), field]);
  return lists;
}
