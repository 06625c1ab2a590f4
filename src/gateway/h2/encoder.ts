import { isWord, lowered, wordOf } from "../../base/h1/bytes.ts";
import { TABLE_BYTES } from "./codes.ts";
import { STATIC_TABLE } from "./static_table.ts";

/** A power of two: the smallest field counts 32 bytes. */
const ENTRIES_MAX = 128;
const ENTRY_BYTES = 32;
/** A power of two: most connections have a dozen fields. */
const PLACES = 128;
/** Up to this, a loop is faster than a call. */
const SHORT_BYTES = 48;
/** One larger than this would push out many, and is hardly sent twice. */
const KEPT_BYTES_MAX = 1_024;
/** So much, at most, a field grows by being written: its form, two lengths. */
const OVERHEAD = 16;
const ZERO = 48;

/** The number under which the static table has a name first, by its length. */
const NAMES = namesByLength();
const STATUS_NAME = 8;
const STATUS = new Map([200, 204, 206, 304, 400, 404, 500].map((code, at) => [code, 8 + at]));
const SET_COOKIE = wordOf("set-cookie");

interface Entry {
  readonly hash: number;
  readonly bytes: Uint8Array;
  readonly nameLength: number;
}

/** No more is needed for fields of so many bytes, with names and values. */
export function encodedBytesMax(bytes: number, fields: number): number {
  return bytes + fields * OVERHEAD;
}

/**
 * Writes heads of one connection (RFC 7541). A field that comes for the second time is put into the
 * table, and from then on it is a byte: one that never comes again would only push out others.
 * Nothing is coded by Huffman, which would cost more than what it saves of a first time.
 */
export class Encoder {
  /** Where the next byte goes. */
  at = 0;
  #out: Buffer = Buffer.alloc(0);
  readonly #ring: (Entry | undefined)[] = [];
  /** By the hash of a field: the number of its entry, and the one that was seen last. */
  readonly #places = new Int32Array(PLACES);
  readonly #seen = new Int32Array(PLACES);
  #inserted = 0;
  #count = 0;
  #size = 0;
  #sizeMax = TABLE_BYTES;
  /** What the other side has allowed, and the least of that since the last head. */
  #allowed = TABLE_BYTES;
  #leastAllowed = TABLE_BYTES;

  /** The other side keeps so much. */
  allow(bytes: number): void {
    this.#allowed = Math.min(bytes, TABLE_BYTES);
    this.#leastAllowed = Math.min(this.#leastAllowed, this.#allowed);
  }

  /** A head begins, to be written here. */
  begin(out: Buffer, at: number): void {
    this.#out = out;
    this.at = at;
    if (this.#leastAllowed < this.#sizeMax) this.#resize(this.#leastAllowed);
    if (this.#allowed !== this.#sizeMax) this.#resize(this.#allowed);
    this.#leastAllowed = this.#allowed;
  }

  status(code: number): void {
    const index = STATUS.get(code);
    if (index !== undefined) {
      this.#integer(index, 127, 0x80);
      return;
    }
    const out = this.#out;
    this.#integer(STATUS_NAME, 15, 0);
    this.#integer(3, 127, 0);
    out[this.at] = ZERO + Math.trunc(code / 100);
    out[this.at + 1] = ZERO + (Math.trunc(code / 10) % 10);
    out[this.at + 2] = ZERO + (code % 10);
    this.at += 3;
  }

  /**
   * One field, as places in bytes: the value begins at `value`, and the name may have any case.
   *
   * HOT: runs for every field. Makes an entry when one comes for the second time.
   */
  // biome-ignore lint/complexity/useMaxParams: HOT
  field(bytes: Buffer, name: number, nameEnd: number, value: number, valueEnd: number): void {
    const hash = hashOf(bytes, name, nameEnd, value, valueEnd);
    const place = (hash ^ (hash >>> 16)) & (PLACES - 1);
    const number = this.#places[place] as number;
    if (number > this.#inserted - this.#count) {
      const entry = this.#ring[number & (ENTRIES_MAX - 1)] as Entry;
      if (entry.hash === hash && isSame(entry, bytes, name, nameEnd, value, valueEnd)) {
        this.#integer(STATIC_TABLE.length + 1 + this.#inserted - number, 127, 0x80);
        return;
      }
    }
    const size = nameEnd - name + valueEnd - value;
    const isSecret = isWord(bytes, name, nameEnd, SET_COOKIE);
    const isKept = !isSecret && this.#seen[place] === hash && this.#fits(size);
    this.#seen[place] = hash;
    const index = staticNameOf(bytes, name, nameEnd);
    if (isKept) this.#integer(index, 63, 0x40);
    else this.#integer(index, 15, isSecret ? 0x10 : 0);
    if (index === 0) this.#text(bytes, name, nameEnd, true);
    this.#text(bytes, value, valueEnd, false);
    if (isKept) this.#insert(entryOf(hash, bytes, name, nameEnd, value, valueEnd), place);
  }

  #fits(size: number): boolean {
    return size + ENTRY_BYTES <= this.#sizeMax && size <= KEPT_BYTES_MAX;
  }

  #text(bytes: Buffer, from: number, to: number, isName: boolean): void {
    const out = this.#out;
    const length = to - from;
    this.#integer(length, 127, 0);
    const start = this.at;
    if (isName)
      for (let at = 0; at < length; at += 1) out[start + at] = lowered(bytes[from + at] as number);
    else if (length > SHORT_BYTES) bytes.copy(out, start, from, to);
    else for (let at = 0; at < length; at += 1) out[start + at] = bytes[from + at] as number;
    this.at = start + length;
  }

  /** In the low bits of a byte, of which `mask` is all, beside what its high ones mean. */
  #integer(value: number, mask: number, form: number): void {
    const out = this.#out;
    if (value < mask) {
      out[this.at] = form | value;
      this.at += 1;
      return;
    }
    out[this.at] = form | mask;
    this.at += 1;
    let rest = value - mask;
    for (; rest >= 128; rest >>>= 7) {
      out[this.at] = (rest & 127) | 128;
      this.at += 1;
    }
    out[this.at] = rest;
    this.at += 1;
  }

  #resize(size: number): void {
    this.#sizeMax = size;
    this.#evict(0);
    this.#integer(size, 31, 0x20);
  }

  #insert(entry: Entry, place: number): void {
    const size = entry.bytes.length + ENTRY_BYTES;
    this.#evict(size);
    this.#inserted += 1;
    this.#ring[this.#inserted & (ENTRIES_MAX - 1)] = entry;
    this.#places[place] = this.#inserted;
    this.#count += 1;
    this.#size += size;
  }

  /** Makes room for so much more. */
  #evict(more: number): void {
    while (this.#count > 0 && this.#size + more > this.#sizeMax) {
      const oldest = this.#ring[(this.#inserted - this.#count + 1) & (ENTRIES_MAX - 1)] as Entry;
      this.#size -= oldest.bytes.length + ENTRY_BYTES;
      this.#count -= 1;
    }
  }
}

// biome-ignore lint/complexity/useMaxParams: HOT
function hashOf(bytes: Buffer, name: number, nameEnd: number, value: number, valueEnd: number) {
  let hash = nameEnd - name;
  for (let at = name; at < nameEnd; at += 1) {
    hash = Math.imul(hash ^ lowered(bytes[at] as number), 0x01000193);
  }
  for (let at = value; at < valueEnd; at += 1) {
    hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  }
  return hash;
}

// biome-ignore lint/complexity/useMaxParams: HOT
function isSame(
  entry: Entry,
  bytes: Buffer,
  name: number,
  nameEnd: number,
  value: number,
  valueEnd: number,
): boolean {
  const { bytes: known, nameLength } = entry;
  if (nameEnd - name !== nameLength || valueEnd - value !== known.length - nameLength) return false;
  for (let at = 0; at < nameLength; at += 1) {
    if (known[at] !== lowered(bytes[name + at] as number)) return false;
  }
  for (let at = nameLength, from = value - nameLength; at < known.length; at += 1) {
    if (known[at] !== bytes[from + at]) return false;
  }
  return true;
}

// biome-ignore lint/complexity/useMaxParams: HOT
function entryOf(
  hash: number,
  bytes: Buffer,
  name: number,
  nameEnd: number,
  value: number,
  valueEnd: number,
): Entry {
  const nameLength = nameEnd - name;
  const known = new Uint8Array(nameLength + valueEnd - value);
  for (let at = 0; at < nameLength; at += 1) known[at] = lowered(bytes[name + at] as number);
  for (let at = nameLength, from = value - nameLength; at < known.length; at += 1) {
    known[at] = bytes[from + at] as number;
  }
  return { hash, bytes: known, nameLength };
}

/** 0 where the table has none of that name. */
function staticNameOf(bytes: Uint8Array, from: number, to: number): number {
  const same = NAMES[to - from];
  if (same === undefined) return 0;
  for (let at = 0; at < same.length; at += 1) {
    const [word, index] = same[at] as (typeof same)[number];
    if (isWord(bytes, from, to, word)) return index;
  }
  return 0;
}

function namesByLength(): [Uint8Array, number][][] {
  const lists: [Uint8Array, number][][] = [];
  for (const [at, [name]] of STATIC_TABLE.entries()) {
    if (STATIC_TABLE.findIndex(([other]) => other === name) !== at) continue;
    const list = lists[name.length] ?? [];
    list.push([wordOf(name), at + 1]);
    lists[name.length] = list;
  }
  return Array.from(lists, (list) => list ?? []);
}
