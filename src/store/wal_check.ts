import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { isMissing } from "../base/durable_file.ts";

/**
 * SQLite takes a -wal for ended at its first frame that does not match its checksum, as that is
 * what a torn last transaction looks like. The same is done to a -wal that rotted in its middle,
 * and writes that were answered are gone without a word. Here the two are told apart: we sync
 * every transaction before the next begins, so that what a power cut tears is one transaction.
 * Where frames that follow one another hold the ends of two, the first was synced.
 *
 *   header  magic, version, page size, checkpoint, salt, salt, sum, sum
 *   frame   page, size of the database (0 but at the end of a transaction), salt, salt, sum, sum;
 *           then the page. The sums go on from those of the frame before.
 *
 * All are big-endian words of 4 bytes; the magic says how the words of sums are read.
 */
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

/** Where a -wal is damaged, before something that had been synced. */
export interface WalDamage {
  readonly what: string;
  /** How much of it, from its beginning, can be trusted. */
  readonly soundBytes: number;
}

/** Looks through a -wal that nobody writes to. Nothing when there is none, or none damaged. */
export function walDamage(path: string): WalDamage | undefined {
  const fd = openedToRead(path);
  if (fd === undefined) return undefined;
  try {
    const before = fstatSync(fd, { bigint: true });
    const damage = damageIn(fd, Number(before.size));
    const after = fstatSync(fd, { bigint: true });
    // Then another process has the store, as its lock will tell.
    const isWrittenTo = before.mtimeNs !== after.mtimeNs || before.size !== after.size;
    return isWrittenTo ? undefined : damage;
  } finally {
    closeSync(fd);
  }
}

function openedToRead(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

function damageIn(fd: number, size: number): WalDamage | undefined {
  // The header is synced before the first frame is written.
  if (size <= HEADER_BYTES) return undefined;
  const header = bytesAt(fd, 0, HEADER_BYTES);
  const scan = scanOf(header);
  if (scan === undefined) return { what: "its header is damaged", soundBytes: 0 };
  const frameBytes = FRAME_HEADER_BYTES + header.readUInt32BE(8);
  const frames = Math.floor((size - HEADER_BYTES) / frameBytes);
  for (let frame = 0; frame < frames; frame += 1) {
    const at = HEADER_BYTES + frame * frameBytes;
    scan.next(bytesAt(fd, at, frameBytes), at);
    if (scan.ends < 2) continue;
    const { soundBytes } = scan;
    return { what: `it is damaged at byte ${soundBytes}, before later writes`, soundBytes };
  }
  return undefined;
}

/** Nothing when the header is not one. */
function scanOf(header: Buffer): Scan | undefined {
  const magic = header.readUInt32BE(0);
  const pageBytes = header.readUInt32BE(8);
  const isMagic = magic === MAGIC || magic === MAGIC + 1;
  if (!isMagic || pageBytes < 512 || pageBytes > 65_536 || pageBytes % 8 !== 0) return undefined;
  const sums = new Sums(magic === MAGIC + 1).with(header, 0, 24);
  return sums.match(header, 24) ? new Scan(header.subarray(16, 24), sums) : undefined;
}

class Scan {
  /** Up to where every frame matches its checksum. */
  soundBytes = 0;
  /** Of transactions, in the frames since then that follow one another. */
  ends = 0;
  readonly #salts: Buffer;
  /** What the next frame goes on from: what the last one says, and what it should have said. */
  #said: Sums;
  #computed: Sums;
  #isSound = true;

  constructor(salts: Buffer, sums: Sums) {
    this.#salts = salts;
    this.#said = sums;
    this.#computed = sums;
  }

  next(frame: Buffer, at: number): void {
    const isOurs = this.#salts.equals(frame.subarray(8, 16));
    const sums = sumsAfter(this.#said, frame);
    // After a sound frame there is but one way to go on.
    const others = this.#isSound ? sums : sumsAfter(this.#computed, frame);
    const follows = isOurs && (sums.match(frame, 16) || others.match(frame, 16));
    this.#computed = sums;
    this.#said = sums.readAt(frame, 16);
    if (this.#isSound && follows) return;
    if (this.#isSound) this.soundBytes = at;
    this.#isSound = false;
    const isEnd = frame.readUInt32BE(4) > 0;
    this.ends = (follows ? this.ends : 0) + (isEnd ? 1 : 0);
  }
}

function sumsAfter(before: Sums, frame: Buffer): Sums {
  return before.with(frame, 0, 8).with(frame, FRAME_HEADER_BYTES, frame.length);
}

/** SQLite's running checksum, over pairs of words. */
class Sums {
  readonly #isBigEndian: boolean;
  readonly #one: number;
  readonly #other: number;

  constructor(isBigEndian: boolean, one = 0, other = 0) {
    this.#isBigEndian = isBigEndian;
    this.#one = one;
    this.#other = other;
  }

  with(bytes: Buffer, from: number, to: number): Sums {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isLittle = !this.#isBigEndian;
    let one = this.#one;
    let other = this.#other;
    for (let at = from; at < to; at += 8) {
      one = (one + view.getUint32(at, isLittle) + other) >>> 0;
      other = (other + view.getUint32(at + 4, isLittle) + one) >>> 0;
    }
    return new Sums(this.#isBigEndian, one, other);
  }

  match(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#one && bytes.readUInt32BE(at + 4) === this.#other;
  }

  readAt(bytes: Buffer, at: number): Sums {
    return new Sums(this.#isBigEndian, bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4));
  }
}

function bytesAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, at);
  return bytes;
}
