import { PassThrough, type Readable } from "node:stream";
import { constants, createDeflate, createInflate } from "node:zlib";
import { counted, SPDY_DICTIONARY } from "./spdy_words.ts";

/** One stream that the peer has opened. */
export interface SpdyStream {
  readonly id: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the peer sends, to its end. */
  readonly data: Readable;
  send(chunk: Buffer): Promise<void>;
  /** Says that nothing more will be sent. */
  end(): Promise<void>;
}

/*
 * A frame: control |1|version 15|type 16|flags 8|length 24|, data |0|stream 31|flags 8|length 24|.
 */
const HEAD_BYTES = 8;
const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;
const FIN = 0x01;
const VERSION = 0x8003;
const REFUSED = 3;

const FRAME_BYTES_MAX = 4 * 1024 * 1024;
const HEADERS_BYTES_MAX = 64 * 1024;
const STREAMS_MAX = 1000;
/** As much as waits for whoever reads a stream before its peer has to. */
const UNREAD_BYTES_MAX = 1024 * 1024;

/**
 * The server's end of SPDY/3.1, as far as Kubernetes' clients still speak it to forward ports:
 * streams that the peer opens, without flow control, as none of those clients does any.
 */
export class SpdySession {
  readonly #send: (bytes: Buffer) => Promise<void>;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, PassThrough>();
  readonly #inflate = createInflate({ dictionary: SPDY_DICTIONARY, finishFlush: SYNC });
  readonly #deflate = createDeflate({ dictionary: SPDY_DICTIONARY });
  #rest: Buffer = Buffer.alloc(0);

  constructor(send: (bytes: Buffer) => Promise<void>, onStream: (stream: SpdyStream) => void) {
    this.#send = send;
    this.#onStream = onStream;
  }

  /** Takes what has come. Throws when it is no SPDY. To be called in order, one at a time. */
  async receive(bytes: Buffer): Promise<void> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= HEAD_BYTES) {
      const length = this.#rest.readUIntBE(5, 3);
      if (length > FRAME_BYTES_MAX) throw new Error(`a SPDY frame of ${length} bytes is too long`);
      if (this.#rest.length < HEAD_BYTES + length) return;
      const frame = this.#rest.subarray(0, HEAD_BYTES + length);
      this.#rest = this.#rest.subarray(HEAD_BYTES + length);
      await this.#take(frame);
    }
  }

  /** The connection has gone. */
  close(): void {
    for (const data of this.#streams.values()) data.destroy();
    this.#streams.clear();
    this.#inflate.close();
    this.#deflate.close();
  }

  async #take(frame: Buffer): Promise<void> {
    const body = frame.subarray(HEAD_BYTES);
    const isEnd = ((frame[4] ?? 0) & FIN) !== 0;
    if (((frame[0] ?? 0) & 0x80) === 0) return await this.#data(frame.readUInt32BE(0), body, isEnd);
    if (frame.readUInt16BE(0) !== VERSION) throw new Error("only SPDY/3 is spoken here");
    const type = frame.readUInt16BE(2);
    if (type === SYN_STREAM) await this.#open(body, isEnd);
    else if (type === PING) await this.#send(frame);
    else if (type === RST_STREAM) this.#drop(body.readUInt32BE(0));
    else if (type === GOAWAY) for (const id of [...this.#streams.keys()]) this.#end(id);
  }

  async #open(body: Buffer, isEnd: boolean): Promise<void> {
    const id = body.readUInt32BE(0);
    const headers = headersIn(await passed(this.#inflate, body.subarray(10)));
    if (this.#streams.size >= STREAMS_MAX)
      return await this.#send(control(RST_STREAM, id, REFUSED));
    const data = new PassThrough({ highWaterMark: UNREAD_BYTES_MAX });
    data.on("error", () => {});
    this.#streams.set(id, data);
    const empty = await passed(this.#deflate, Buffer.alloc(4));
    await this.#send(control(SYN_REPLY, id, empty));
    this.#onStream({
      id,
      headers,
      data,
      send: (chunk) => this.#send(dataFrame(id, chunk, 0)),
      end: () => this.#send(dataFrame(id, Buffer.alloc(0), FIN)),
    });
    if (isEnd) this.#end(id);
  }

  async #data(id: number, body: Buffer, isEnd: boolean): Promise<void> {
    const data = this.#streams.get(id);
    if (data === undefined) return;
    // A reader that does not read keeps all others waiting, as there is no flow control.
    if (body.length > 0 && !data.write(body) && !data.destroyed) await drained(data);
    if (isEnd) this.#end(id);
  }

  #end(id: number): void {
    this.#streams.get(id)?.end();
    this.#streams.delete(id);
  }

  #drop(id: number): void {
    this.#streams.get(id)?.destroy();
    this.#streams.delete(id);
  }
}

const SYNC = constants.Z_SYNC_FLUSH;

type Compression = ReturnType<typeof createInflate> | ReturnType<typeof createDeflate>;

/** What comes out of a compression for what is put in, without ending it. */
function passed(stream: Compression, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    stream.once("error", reject);
    stream.write(bytes);
    stream.flush(SYNC, () => {
      stream.off("error", reject);
      const out = (stream.read() as Buffer | null) ?? Buffer.alloc(0);
      if (out.length <= HEADERS_BYTES_MAX) resolve(out);
      else reject(new Error("the headers of a SPDY stream are too long"));
    });
  });
}

function headersIn(block: Buffer): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  let at = 4;
  const text = () => {
    const length = block.readUInt32BE(at);
    at += 4 + length;
    return block.toString("utf8", at - length, at);
  };
  for (let left = block.readUInt32BE(0); left > 0; left -= 1) {
    const name = text();
    headers[name.toLowerCase()] = text();
  }
  return headers;
}

/** The headers of a stream in plain bytes, for those who open one. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(headers);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(entries.length);
  return Buffer.concat([count, ...entries.flat().map(counted)]);
}

function control(type: number, id: number, rest: Buffer | number): Buffer {
  const more = typeof rest === "number" ? Buffer.from([0, 0, 0, rest]) : rest;
  const head = Buffer.alloc(HEAD_BYTES + 4);
  head.writeUInt16BE(VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(4 + more.length, 5, 3);
  head.writeUInt32BE(id, HEAD_BYTES);
  return Buffer.concat([head, more]);
}

function dataFrame(id: number, chunk: Buffer, flags: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(id, 0);
  head[4] = flags;
  head.writeUIntBE(chunk.length, 5, 3);
  return Buffer.concat([head, chunk]);
}

function drained(stream: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    stream.once("drain", resolve);
    stream.once("close", resolve);
  });
}
