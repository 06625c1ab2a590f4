import assert from "node:assert/strict";
import { test } from "node:test";
import { framesOf } from "./frames.ts";

function frame(stream: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

const SENT = Buffer.concat([frame(1, "one"), frame(2, "oh"), frame(1, ""), frame(1, "zwölf")]);
const ALL = ["output one", "errors oh", "output ", "output zwölf"];

async function read(pieces: readonly Buffer[]): Promise<readonly string[]> {
  async function* sent() {
    yield* pieces;
  }
  const frames = await Array.fromAsync(framesOf(sent()));
  return frames.flat().map(({ stream, payload }) => `${stream} ${payload}`);
}

test("frames are found however they are cut", async () => {
  for (let size = 1; size <= SENT.length; size += 1) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < SENT.length; at += size) pieces.push(SENT.subarray(at, at + size));
    assert.deepEqual(await read(pieces), ALL, `pieces of ${size}`);
  }
});

test("a frame that is cut off is left out", async () => {
  assert.deepEqual(await read([SENT.subarray(0, SENT.length - 1)]), ALL.slice(0, -1));
});

test("what is no frame is refused", async () => {
  await assert.rejects(read([Buffer.from("HTTP/1.1 200 OK")]), /no frame/);
});
