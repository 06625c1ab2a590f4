import { textOf } from "../../base/h1/bytes.ts";
import { LIMITS } from "../limits.ts";
import { TABLE_BYTES } from "./codes.ts";
import { Field, isBadValue, type Name, nameOf } from "./field.ts";
import { decodedBytesMax, decodeHuffman } from "./huffman.ts";
import { STATIC_TABLE } from "./static_table.ts";

const STATIC = STATIC_TABLE.map(([name, value]) => new Field(nameOf(name), value, false));
/** The names of the static table, where an entry gives no more than that. */
const STATIC_NAMES = STATIC_TABLE.map(([name]) => nameOf(name));
/** A power of two: the smallest field counts 32 bytes. */
const ENTRIES_MAX = 128;
/** No length and no index is anywhere near. */
const INTEGER_MAX = 2 ** 28;
const NONE: Field[] = [];

/** What all decoders of a worker decode texts into: each is done with it at once. */
let scratch = Buffer.allocUnsafeSlow(4_096);

/**
 * Reads heads of one connection (RFC 7541): what it has read of one stands in a table for the next.
 * A client can have much stand for little, so what is beyond the limits is counted and dropped.
 */
export class Decoder {
  /** The head that was read last is larger than it may be: what was read of it is not all. */
  isTooLarge = false;
  #fields: Field[] = NONE;
  readonly #ring: (Field | undefined)[] = [];
  /** How many were ever put into the table; the newest is the one before. */
  #inserted = 0;
  #count = 0;
  #size = 0;
  #sizeMax = TABLE_BYTES;
  /** Where the reading stands, and whether it has failed. */
  #bytes: Buffer = scratch;
  #at = 0;
  #to = 0;
  #isBad = false;

  /** What was read last: its own from now on. */
  take(): readonly Field[] {
    const fields = this.#fields;
    this.#fields = NONE;
    return fields;
  }

  /**
   * Reads one whole block. False: it makes no sense, so nothing that follows would.
   *
   * HOT: runs for every request. Makes the list, and of each field what is not in the table.
   */
  read(bytes: Buffer, from: number, to: number): boolean {
    const fields: Field[] = [];
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
    this.#isBad = false;
    this.isTooLarge = false;
    let size = 0;
    while (this.#at < this.#to && !this.#isBad) {
      const byte = bytes[this.#at] as number;
      if ((byte & 0xe0) === 0x20) {
        if (size > 0) return false;
        this.#resize(this.#integer(31));
        continue;
      }
      const field = (byte & 0x80) !== 0 ? this.#indexed() : this.#literal(byte);
      if (field === undefined) return false;
      size += field.size;
      this.isTooLarge ||= size > LIMITS.headBytesMax || fields.length >= LIMITS.h2FieldsMax;
      if (!this.isTooLarge) fields.push(field);
    }
    this.#fields = fields;
    return !this.#isBad;
  }

  #indexed(): Field | undefined {
    const index = this.#integer(127);
    return index === 0 ? undefined : this.#entry(index);
  }

  #entry(index: number): Field | undefined {
    if (index <= STATIC.length) return STATIC[index - 1];
    const age = index - STATIC.length;
    if (age > this.#count) return undefined;
    return this.#ring[(this.#inserted - age) & (ENTRIES_MAX - 1)];
  }

  #literal(byte: number): Field | undefined {
    const isKept = (byte & 0xc0) === 0x40;
    const index = this.#integer(isKept ? 63 : 15);
    const name = index === 0 ? nameOf(this.#text()) : this.#nameAt(index);
    if (name === undefined || this.#isBad) return undefined;
    const field = this.#valueOf(name);
    if (this.#isBad) return undefined;
    if (isKept) this.#insert(field);
    return field;
  }

  #nameAt(index: number): Name | undefined {
    if (index <= STATIC_NAMES.length) return STATIC_NAMES[index - 1];
    const field = this.#entry(index);
    return field === undefined ? undefined : nameOf(field.name);
  }

  #valueOf(name: Name): Field {
    const isCoded = ((this.#bytes[this.#at] as number) & 0x80) !== 0;
    const length = this.#length();
    const from = this.#at - length;
    if (this.#isBad) return STATIC[0] as Field;
    if (!isCoded) {
      const isBad = isBadValue(this.#bytes, from, this.#at, name.kind);
      return new Field(name, textOf(this.#bytes, from, this.#at), isBad);
    }
    const decoded = this.#decode(from, this.#at);
    const isBad = isBadValue(scratch, 0, decoded, name.kind);
    return new Field(name, textOf(scratch, 0, decoded), isBad);
  }

  #text(): string {
    const isCoded = this.#at < this.#to && ((this.#bytes[this.#at] as number) & 0x80) !== 0;
    const length = this.#length();
    if (this.#isBad) return "";
    const from = this.#at - length;
    if (!isCoded) return textOf(this.#bytes, from, this.#at);
    return textOf(scratch, 0, this.#decode(from, this.#at));
  }

  /** Steps over a text with its length; answers with the length. */
  #length(): number {
    const length = this.#integer(127);
    if (length > this.#to - this.#at) this.#isBad = true;
    else this.#at += length;
    return length;
  }

  #decode(from: number, to: number): number {
    const most = decodedBytesMax(to - from);
    if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * most);
    const length = decodeHuffman(this.#bytes, from, to, scratch);
    if (length >= 0) return length;
    this.#isBad = true;
    return 0;
  }

  /** An integer that begins in the low bits of a byte, of which `mask` is all (RFC 7541, 5.1). */
  #integer(mask: number): number {
    if (this.#at >= this.#to) return this.#bad();
    let value = (this.#bytes[this.#at] as number) & mask;
    this.#at += 1;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at >= this.#to) return this.#bad();
      const byte = this.#bytes[this.#at] as number;
      this.#at += 1;
      value += (byte & 127) << shift;
      if ((byte & 128) === 0) return value < INTEGER_MAX ? value : this.#bad();
    }
    return this.#bad();
  }

  #bad(): number {
    this.#isBad = true;
    return 0;
  }

  #resize(size: number): void {
    if (size > TABLE_BYTES) this.#isBad = true;
    else {
      this.#sizeMax = size;
      this.#evict(0);
    }
  }

  #insert(field: Field): void {
    this.#evict(field.size);
    // One that is larger than the table empties it (RFC 7541, 4.4).
    if (field.size > this.#sizeMax) return;
    this.#ring[this.#inserted & (ENTRIES_MAX - 1)] = field;
    this.#inserted += 1;
    this.#count += 1;
    this.#size += field.size;
  }

  /** Makes room for so much more. */
  #evict(more: number): void {
    while (this.#count > 0 && this.#size + more > this.#sizeMax) {
      const at = (this.#inserted - this.#count) & (ENTRIES_MAX - 1);
      this.#size -= (this.#ring[at] as Field).size;
      this.#ring[at] = undefined;
      this.#count -= 1;
    }
  }
}
