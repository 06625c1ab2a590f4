import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Chance } from "../../base/chance.ts";
import * as Code from "./codes.ts";
import { type FrameHead, FrameReader, type FrameSink } from "./frame_reader.ts";
import { block, frame, request, requestFields, settings, uint32, widen } from "./raw_peer.ts";
import type { StreamListener } from "./stream_listener.ts";
import { PREFACE } from "./upgrade.ts";

/** Of one made-up client, at most. */
const BYTES_MAX = 64 * 1024;

/** What a client might say: most of it makes sense, until a little of it is changed. */
export function anyBytes(chance: Chance): Buffer {
  const any = (count: number) => Math.floor(chance.fraction() * count);
  const frames = Array.from({ length: 1 + any(12) }, () => anyFrame(chance));
  const greeting = any(20) === 0 ? [] : [PREFACE, settings()];
  const bytes = Buffer.concat([...greeting, ...frames]).subarray(0, BYTES_MAX);
  const from = any(4) === 0 ? 0 : PREFACE.length;
  for (let changes = any(4); changes > 0 && bytes.length > from; changes -= 1) {
    bytes[from + any(bytes.length - from)] = any(256);
  }
  return any(5) === 0 ? bytes.subarray(0, any(bytes.length)) : bytes;
}

function anyFrame(chance: Chance): Buffer {
  const any = (count: number) => Math.floor(chance.fraction() * count);
  const of = <T>(...all: readonly T[]): T => all[any(all.length)] as T;
  const id = of(0, 1, 1, 3, 3, 5, 7, 2, 2 ** 31 - 1);
  const flags = of(0, 1, 4, 5, 5, 8, 13, 32, 37, 255);
  const noise = Buffer.from(Array.from({ length: any(40) }, () => any(256)));
  const fields = requestFields(of("a.localhost", "none.localhost", ""), of("GET", "POST", "X"));
  const more: [string, string][] = [
    of<[string, string]>(["te", "trailers"], ["connection", "x"], ["content-length", "5"]),
  ];
  return of(
    () => request(id, fields, any(2) === 0),
    () => request(id, [...fields, ...more], any(2) === 0),
    () => frame(Code.HEADERS, flags, id, block(...fields)),
    () => frame(Code.HEADERS, flags, id, noise),
    () => frame(Code.DATA, flags, id, noise),
    () => frame(Code.DATA, of(0, 1), id, Buffer.alloc(any(20_000))),
    () => frame(Code.CONTINUATION, flags, id, noise),
    () => frame(Code.RST_STREAM, 0, id, uint32(any(15))),
    () => widen(id, of(0, 1, 1_000, 2 ** 31 - 1)),
    () => settings([any(8), of(0, 1, 100, 65_535, 2 ** 32 - 1)]),
    () => frame(Code.PRIORITY, 0, id, uint32(of(0, id, 9), 0).subarray(0, 5)),
    () => frame(Code.PING, of(0, 1), 0, Buffer.alloc(8)),
    () => frame(Code.GOAWAY, 0, 0, uint32(0, 0)),
    () => frame(any(256), flags, id, noise),
  )();
}

/** Cuts bytes into pieces, as they may come. */
export function anyCuts(bytes: Buffer, chance: Chance): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + Math.floor(chance.fraction() ** 3 * 200);
    pieces.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return pieces;
}

/** What a reader tells of these pieces: the same, however they were cut. */
export function toldOf(pieces: readonly Buffer[]): readonly string[] {
  const told: string[] = [];
  let data = "";
  const say = (what: string, { type, flags, stream, length }: FrameHead) => {
    told.push(`${what} ${type} ${flags} ${stream} ${length} ${data}`);
    data = "";
  };
  const sink: FrameSink = {
    isOver: false,
    frame(head, bytes, from, to) {
      data = bytes.toString("hex", from, to);
      say("frame", head);
    },
    dataBegun: (head) => say("begun", head),
    dataPiece(bytes, from, to) {
      data += bytes.toString("hex", from, to);
    },
    dataEnded: (head, padding) => say(`ended with ${padding}`, head),
    failed(code) {
      told.push(`failed ${code}`);
      Object.assign(this, { isOver: true });
    },
  };
  const reader = new FrameReader(sink, PREFACE);
  for (const piece of pieces) {
    // What was lent is gone when the next is read.
    const lent = Buffer.from(piece);
    reader.read(lent, 0, lent.length);
    lent.fill(0xaa);
  }
  return told;
}

/** One end of a connection whose other end is not there: what is written goes nowhere. */
export class Nowhere extends Duplex {
  readonly remoteAddress = "127.0.0.1";
  bytesWritten = 0;

  constructor() {
    super({ allowHalfOpen: false });
  }

  override _read(): void {}

  override _write(bytes: Buffer, _: string, done: () => void): void {
    this.bytesWritten += bytes.length;
    done();
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }
}

/** Has a listener serve a made-up client to its end; answers with what it wrote. */
export async function serveAny(listener: StreamListener, pieces: readonly Buffer[]) {
  const nowhere = new Nowhere();
  listener.take(nowhere as unknown as Socket);
  for (const piece of pieces) nowhere.push(piece);
  await new Promise((resolve) => setImmediate(resolve));
  nowhere.push(null);
  nowhere.destroy();
  return nowhere.bytesWritten;
}
