import { connect, type Socket } from "node:net";
import type { Address } from "../front.ts";
import { until } from "../rig.ts";
import * as Code from "./codes.ts";
import { Decoder } from "./decoder.ts";
import { PREFACE } from "./upgrade.ts";

/** One frame, as bytes. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = NONE) {
  const head = Buffer.alloc(Code.FRAME_HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const NONE = Buffer.alloc(0);

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}

/** A frame of SETTINGS that says these. */
export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const bytes = pairs.map(([id, value]) => Buffer.concat([Buffer.of(id >> 8, id), uint32(value)]));
  return frame(Code.SETTINGS, 0, 0, Buffer.concat(bytes));
}

export function widen(stream: number, bytes: number): Buffer {
  return frame(Code.WINDOW_UPDATE, 0, stream, uint32(bytes));
}

/** Fields that enter no table, and are not compressed: a block. */
export function block(...fields: readonly (readonly [string, string])[]): Buffer {
  const text = (it: string) => {
    const bytes = Buffer.from(it, "latin1");
    if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
    const rest = bytes.length - 127;
    return Buffer.concat([Buffer.of(127, (rest & 127) | 128, rest >> 7), bytes]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** What a request begins with. */
export function requestFields(host: string, method = "GET", path = "/"): [string, string][] {
  return [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", host],
  ];
}

/** A request as one frame; with its end unless there is a body to come. */
export function request(
  stream: number,
  fields: readonly (readonly [string, string])[],
  end = true,
) {
  const flags = Code.END_HEADERS | (end ? Code.END_STREAM : 0);
  return frame(Code.HEADERS, flags, stream, block(...fields));
}

export interface Heard {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client that says frames as it likes, and keeps those that it hears. */
export class RawPeer implements Disposable {
  readonly socket: Socket;
  readonly heard: Heard[] = [];
  isClosed = false;
  readonly #decoder = new Decoder();
  readonly #heads = new Map<Heard, readonly (readonly [string, string])[]>();
  #rest: Buffer = NONE;

  constructor({ port, host }: Address, first: Buffer = Buffer.concat([PREFACE, settings()])) {
    this.socket = connect(port, host);
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    this.socket.on("data", (bytes: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, bytes]);
      this.#read();
    });
    this.socket.write(first);
  }

  say(...frames: readonly Uint8Array[]): void {
    if (!this.isClosed) this.socket.write(Buffer.concat(frames));
  }

  /** The frames of a type, of one stream or of all. */
  of(type: number, stream?: number): readonly Heard[] {
    return this.heard.filter((it) => it.type === type && (stream ?? it.stream) === it.stream);
  }

  /** The codes of what says that something has ended: of one stream, or of the connection. */
  codes(type: typeof Code.RST_STREAM | typeof Code.GOAWAY, stream = 0): readonly number[] {
    const at = type === Code.GOAWAY ? 4 : 0;
    return this.of(type, stream).map(({ payload }) => payload.readUInt32BE(at));
  }

  /** The fields of the heads of a stream, each as its last value. */
  heads(stream: number): readonly Readonly<Record<string, string>>[] {
    const heads = this.of(Code.HEADERS, stream);
    return heads.map((it) => Object.fromEntries(this.#heads.get(it) ?? []));
  }

  body(stream: number): Buffer {
    return Buffer.concat(this.of(Code.DATA, stream).map(({ payload }) => payload));
  }

  isEnded(stream: number): boolean {
    return this.heard.some((it) => it.stream === stream && isLast(it));
  }

  async ended(stream: number): Promise<void> {
    await until(`stream ${stream} has ended`, () => this.isEnded(stream));
  }

  /** Waits until the gateway has read all that was said so far. */
  async settled(): Promise<void> {
    const before = this.of(Code.PING).length;
    this.say(frame(Code.PING, 0, 0, Buffer.alloc(8)));
    await until("the gateway answers", () => this.isClosed || this.of(Code.PING).length > before);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #read(): void {
    while (this.#rest.length >= Code.FRAME_HEAD) {
      const end = Code.FRAME_HEAD + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const [type = 0, flags = 0] = this.#rest.subarray(3, 5);
      const stream = this.#rest.readUInt32BE(5);
      this.#take({ type, flags, stream, payload: this.#rest.subarray(Code.FRAME_HEAD, end) });
      this.#rest = this.#rest.subarray(end);
    }
  }

  /** A head in several frames is kept as its first, with all of the block. */
  #take(heard: Heard): void {
    const before = this.heard.at(-1);
    let one = heard;
    if (heard.type === Code.CONTINUATION && before !== undefined) {
      this.heard.pop();
      const payload = Buffer.concat([before.payload, heard.payload]);
      one = { ...before, flags: before.flags | heard.flags, payload };
    }
    this.heard.push(one);
    if (one.type !== Code.HEADERS || (one.flags & Code.END_HEADERS) === 0) return;
    if (!this.#decoder.read(one.payload, 0, one.payload.length)) throw new Error("no HPACK");
    this.#heads.set(
      one,
      this.#decoder.take().map(({ name, value }) => [name, value] as const),
    );
  }
}

function isLast({ type, flags }: Heard): boolean {
  const mayEnd = type === Code.DATA || type === Code.HEADERS;
  return type === Code.RST_STREAM || (mayEnd && (flags & Code.END_STREAM) !== 0);
}
