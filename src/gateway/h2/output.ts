import type { Socket } from "node:net";
import { textOf } from "../../base/h1/bytes.ts";
import { LIMITS } from "../limits.ts";
import * as Code from "./codes.ts";
import type { Chunks, Turn, Writer } from "./turn.ts";

export interface OutputParts {
  readonly turn: Turn;
  readonly chunks: Chunks;
}

/** Up to this, what is written is copied by that, and the chunk is free at once. */
const SMALL_BYTES = 8 * 1024;
const NOTHING = Buffer.alloc(0);
const MEGABYTE = 1024 * 1024;

/**
 * The frames that go to one client: written into a chunk as they are made, and sent together at the
 * end of the turn. Whoever has bodies to send asks `isFull` first; the rest is small, and counted.
 */
export class Output implements Writer {
  /** The client is slower: what is a body has to wait. */
  isFull = false;
  /** Goes up with each chunk: places in one before it mean nothing. */
  epoch = 0;
  readonly #socket: Socket;
  readonly #parts: OutputParts;
  readonly #full: () => void;
  #chunk: Buffer = NOTHING;
  #at = 0;
  #isDue = false;
  /** Bytes in the chunks before this one, and up to the last answer to a PING. */
  #before = 0;
  #ponged = -1;
  /** Chunks that the socket still reads from, in their order. */
  readonly #sent: Buffer[] = [];
  readonly #written = () => this.#parts.chunks.giveBack(this.#sent.shift() as Buffer);

  /** `full` is called whenever the client was found to be slower. */
  constructor(socket: Socket, parts: OutputParts, full: () => void) {
    this.#socket = socket;
    this.#parts = parts;
    this.#full = full;
  }

  /** More waits for a client who takes nothing than is kept for one. */
  get isOverfull(): boolean {
    return this.#socket.writableLength > LIMITS.h2SessionMegabytesMax * MEGABYTE;
  }

  /** Whether there was anything to say since the last answer to a PING. */
  get hasSaidMore(): boolean {
    return this.bytes !== this.#ponged;
  }

  /** All that was said: with the heads of frames. */
  get bytes(): number {
    return this.#before + this.#at;
  }

  /**
   * Writes a frame of a body; answers with its place.
   *
   * HOT: runs for every answer. No allocation, exception or await.
   */
  data(stream: number, bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    const at = this.#head(length, Code.DATA, 0, stream);
    (bytes as Buffer).copy(this.#chunk, this.#at, from, to);
    this.#at += length;
    return at;
  }

  /** Room for a block of fields of at most so many bytes: it is to be written from `blockAt` on. */
  room(bytes: number): Buffer {
    const frames = 1 + Math.trunc(bytes / Code.FRAME_BYTES_MAX);
    return this.#reserve(bytes + frames * Code.FRAME_HEAD);
  }

  get blockAt(): number {
    return this.#at + Code.FRAME_HEAD;
  }

  /** The block ends here: puts it into frames, and answers with the place of the first. */
  headers(stream: number, end: number, isLast: boolean): number {
    const at = this.#at;
    const length = end - this.blockAt;
    const more = Math.max(0, Math.ceil(length / Code.FRAME_BYTES_MAX) - 1);
    const first = more === 0 ? length : Code.FRAME_BYTES_MAX;
    for (let part = more; part > 0; part -= 1) this.#continue(stream, part, length, part === more);
    const flags = (isLast ? Code.END_STREAM : 0) | (more === 0 ? Code.END_HEADERS : 0);
    this.#put(at, first, Code.HEADERS, flags, stream);
    this.#at = end + more * Code.FRAME_HEAD;
    return at;
  }

  /** Says of a frame of this chunk that it is the last of its stream. */
  markLast(at: number): void {
    this.#chunk[at + 4] = (this.#chunk[at + 4] as number) | Code.END_STREAM;
  }

  /** The end of a stream that nothing is left to say in. */
  end(stream: number): void {
    this.#head(0, Code.DATA, Code.END_STREAM, stream);
  }

  reset(stream: number, code: number): void {
    this.#head(4, Code.RST_STREAM, 0, stream);
    this.#uint32(code);
  }

  widen(stream: number, bytes: number): void {
    this.#head(4, Code.WINDOW_UPDATE, 0, stream);
    this.#uint32(bytes);
  }

  /** Answers a PING with what it said. */
  pong(bytes: Buffer, from: number): void {
    this.#head(8, Code.PING, Code.ACK, 0);
    bytes.copy(this.#chunk, this.#at, from, from + 8);
    this.#at += 8;
    this.#ponged = this.bytes;
  }

  settings(settings: readonly (readonly [number, number])[]): void {
    this.#head(settings.length * 6, Code.SETTINGS, 0, 0);
    for (const [id, value] of settings) {
      this.#chunk[this.#at] = id >> 8;
      this.#chunk[this.#at + 1] = id;
      this.#at += 2;
      this.#uint32(value);
    }
  }

  settingsTaken(): void {
    this.#head(0, Code.SETTINGS, Code.ACK, 0);
  }

  goAway(last: number, code: number): void {
    this.#head(8, Code.GOAWAY, 0, 0);
    this.#uint32(last);
    this.#uint32(code);
  }

  /** At the end of the turn, or where there is no time for that. */
  flush(): void {
    this.#isDue = false;
    const [chunk, length] = [this.#chunk, this.#at];
    if (length === 0) return;
    this.#chunk = NOTHING;
    this.#at = 0;
    this.#before += length;
    this.epoch += 1;
    const socket = this.#socket;
    const isFree = this.#send(chunk, length);
    // What the kernel has taken at once is no load, however much it was.
    this.isFull = !isFree && socket.writableLength > 0;
    if (this.isFull) this.#full();
  }

  #send(chunk: Buffer, length: number): boolean {
    if (length <= SMALL_BYTES) {
      const isFree = this.#socket.write(textOf(chunk, 0, length), "latin1");
      this.#parts.chunks.giveBack(chunk);
      return isFree;
    }
    this.#sent.push(chunk);
    return this.#socket.write(chunk.subarray(0, length), this.#written);
  }

  #head(length: number, type: number, flags: number, stream: number): number {
    this.#reserve(Code.FRAME_HEAD + length);
    const at = this.#at;
    this.#put(at, length, type, flags, stream);
    this.#at = at + Code.FRAME_HEAD;
    return at;
  }

  // biome-ignore lint/complexity/useMaxParams: HOT
  #put(at: number, length: number, type: number, flags: number, stream: number): void {
    const chunk = this.#chunk;
    chunk[at] = length >> 16;
    chunk[at + 1] = length >> 8;
    chunk[at + 2] = length;
    chunk[at + 3] = type;
    chunk[at + 4] = flags;
    chunk[at + 5] = stream >> 24;
    chunk[at + 6] = stream >> 16;
    chunk[at + 7] = stream >> 8;
    chunk[at + 8] = stream;
  }

  /** Moves a part of a block to where it stands with the heads of frames before it. */
  #continue(stream: number, part: number, blockLength: number, isLast: boolean): void {
    const from = part * Code.FRAME_BYTES_MAX;
    const length = Math.min(Code.FRAME_BYTES_MAX, blockLength - from);
    const to = this.blockAt + from + part * Code.FRAME_HEAD;
    this.#chunk.copyWithin(to, this.blockAt + from, this.blockAt + from + length);
    const flags = isLast ? Code.END_HEADERS : 0;
    this.#put(to - Code.FRAME_HEAD, length, Code.CONTINUATION, flags, stream);
  }

  #uint32(value: number): void {
    const [chunk, at] = [this.#chunk, this.#at];
    chunk[at] = value >>> 24;
    chunk[at + 1] = value >> 16;
    chunk[at + 2] = value >> 8;
    chunk[at + 3] = value;
    this.#at += 4;
  }

  #reserve(bytes: number): Buffer {
    if (this.#at + bytes > this.#chunk.length) {
      this.flush();
      this.#chunk = this.#parts.chunks.take(bytes);
    }
    if (!this.#isDue) {
      this.#isDue = true;
      this.#parts.turn.add(this);
    }
    return this.#chunk;
  }
}
