import { Kept } from "../h1/kept.ts";
import * as Code from "./codes.ts";

/** Who acts on the frames of a connection. What it is given is lent until the call returns. */
export interface FrameSink {
  /** Nothing is read any more. */
  readonly isOver: boolean;
  /** A whole frame, of any type but DATA, as the places of what follows its head. */
  frame(head: FrameHead, bytes: Buffer, from: number, to: number): void;
  /** A frame of DATA begins: its length counts, with the padding. */
  dataBegun(head: FrameHead): void;
  dataPiece(bytes: Buffer, from: number, to: number): void;
  /** So many bytes of it were padding. */
  dataEnded(head: FrameHead, padding: number): void;
  /** It cannot be told what the client means. */
  failed(code: number): void;
}

/** What stands in front of a frame. One object serves all frames of a connection. */
export interface FrameHead {
  length: number;
  type: number;
  flags: number;
  stream: number;
}

/** The length of the padding has not come. */
const UNKNOWN = -1;

/**
 * Cuts what a client sends into frames, however it comes. What is whole is read where it lies; DATA
 * is passed on as it comes, and of other frames what has come is kept until they are whole.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #preface: Uint8Array;
  readonly #kept = new Kept();
  readonly #head: FrameHead = { length: 0, type: 0, flags: 0, stream: 0 };
  #prefaceBytes = 0;
  /** Of a frame of DATA: what is left of it, and how much of that is padding. */
  #left = 0;
  #padding = 0;
  #paddingLeft = 0;
  #isData = false;

  /** `preface` is what has to be said before the first frame. */
  constructor(sink: FrameSink, preface: Uint8Array) {
    this.#sink = sink;
    this.#preface = preface;
  }

  /** A frame has begun that says nothing before it is whole. */
  get isWithin(): boolean {
    return this.#kept.length > 0 || this.#prefaceBytes < this.#preface.length;
  }

  /**
   * Reads all there is.
   *
   * HOT: runs for every read. No allocation but for what is kept, no exception or await.
   */
  read(bytes: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to && !this.#sink.isOver) {
      if (this.#isData) at = this.#readData(bytes, at, to);
      else if (this.#kept.length > 0) at = this.#complete(bytes, at, to);
      else if (this.#prefaceBytes < this.#preface.length) at = this.#readPreface(bytes, at, to);
      else at = this.#readFrame(bytes, at, to);
    }
  }

  #readPreface(bytes: Buffer, from: number, to: number): number {
    let at = from;
    for (; at < to && this.#prefaceBytes < this.#preface.length; at += 1) {
      if (bytes[at] !== this.#preface[this.#prefaceBytes]) {
        this.#sink.failed(Code.PROTOCOL_ERROR);
        return to;
      }
      this.#prefaceBytes += 1;
    }
    return at;
  }

  #readFrame(bytes: Buffer, from: number, to: number): number {
    if (to - from < Code.FRAME_HEAD) return this.#keep(bytes, from, to);
    const head = this.#head;
    if (!this.#readHead(bytes, from)) return to;
    const start = from + Code.FRAME_HEAD;
    if (head.type === Code.DATA) return this.#begin(start);
    const end = start + head.length;
    if (end > to) return this.#keep(bytes, from, to);
    this.#sink.frame(head, bytes, start, end);
    return end;
  }

  #keep(bytes: Buffer, from: number, to: number): number {
    this.#kept.append(bytes.subarray(from, to));
    return to;
  }

  /** Adds as much as the frame that is kept lacks. */
  #complete(bytes: Buffer, from: number, to: number): number {
    const kept = this.#kept;
    const isNew = kept.length < Code.FRAME_HEAD;
    const whole = isNew ? Code.FRAME_HEAD : Code.FRAME_HEAD + this.#head.length;
    const end = Math.min(to, from + whole - kept.length);
    kept.append(bytes.subarray(from, end));
    if (kept.length < whole) return end;
    const { bytes: all } = kept;
    if (isNew) {
      if (!this.#readHead(all, 0)) return to;
      if (this.#head.type === Code.DATA) {
        kept.drop(whole);
        return this.#begin(end);
      }
      if (this.#head.length > 0) return end;
    }
    this.#sink.frame(this.#head, all, Code.FRAME_HEAD, all.length);
    kept.drop(all.length);
    return end;
  }

  #readHead(bytes: Buffer, at: number): boolean {
    const head = this.#head;
    const [high, middle, low] = [at, at + 1, at + 2];
    head.length =
      ((bytes[high] as number) << 16) | ((bytes[middle] as number) << 8) | (bytes[low] as number);
    head.type = bytes[at + 3] as number;
    head.flags = bytes[at + 4] as number;
    head.stream = uint31At(bytes, at + 5);
    if (head.length <= Code.FRAME_BYTES_MAX) return true;
    this.#sink.failed(Code.FRAME_SIZE_ERROR);
    return false;
  }

  #begin(at: number): number {
    const head = this.#head;
    this.#isData = true;
    this.#left = head.length;
    const isPadded = (head.flags & Code.PADDED) !== 0;
    this.#padding = isPadded ? UNKNOWN : 0;
    this.#paddingLeft = 0;
    this.#sink.dataBegun(head);
    if (head.length > 0 || this.#sink.isOver) return at;
    if (isPadded) this.#sink.failed(Code.FRAME_SIZE_ERROR);
    else this.#endData();
    return at;
  }

  #readData(bytes: Buffer, from: number, to: number): number {
    let at = from;
    if (this.#padding === UNKNOWN) {
      this.#padding = (bytes[at] as number) + 1;
      this.#paddingLeft = this.#padding - 1;
      this.#left -= 1;
      at += 1;
      if (this.#paddingLeft > this.#left) {
        this.#sink.failed(Code.PROTOCOL_ERROR);
        return to;
      }
    }
    const end = Math.min(to, at + this.#left);
    const data = Math.min(end - at, this.#left - this.#paddingLeft);
    this.#left -= end - at;
    if (data > 0) this.#sink.dataPiece(bytes, at, at + data);
    this.#paddingLeft = Math.min(this.#paddingLeft, this.#left);
    if (this.#left === 0 && !this.#sink.isOver) this.#endData();
    return end;
  }

  #endData(): void {
    this.#isData = false;
    this.#sink.dataEnded(this.#head, this.#padding);
  }
}

/** A number of four bytes, without the first bit: that of a stream, or of a window. */
export function uint31At(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) & Code.WINDOW_LIMIT;
}
