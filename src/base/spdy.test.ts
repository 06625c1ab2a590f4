import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { constants, deflateSync, inflateSync } from "node:zlib";
import { headerBlock, SpdySession, type SpdyStream } from "./spdy.ts";
import { SPDY_DICTIONARY } from "./spdy_words.ts";

const dictionary = SPDY_DICTIONARY;

/** A session, and what it has told. */
function makeSession() {
  const sent: Buffer[] = [];
  const streams: SpdyStream[] = [];
  const session = new SpdySession(
    async (bytes) => void sent.push(bytes),
    (stream) => void streams.push(stream),
  );
  return { session, sent, streams };
}

function opening(id: number, headers: Record<string, string>, flags = 0): Buffer {
  const finishFlush = constants.Z_SYNC_FLUSH;
  const block = deflateSync(headerBlock(headers), { dictionary, finishFlush });
  const body = Buffer.concat([Buffer.alloc(10), block]);
  body.writeUInt32BE(id);
  return framed(0x8003, 1, flags, body);
}

function framed(head: number, type: number, flags: number, body: Buffer): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeUInt16BE(head, 0);
  frame.writeUInt16BE(type, 2);
  frame[4] = flags;
  frame.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([frame, body]);
}

const data = (id: number, said: string, flags = 0) => framed(0, id, flags, Buffer.from(said));

test("a stream has the headers and the data that its peer sent, however it is cut", async () => {
  const { session, sent, streams } = makeSession();
  const bytes = Buffer.concat([
    opening(1, { StreamType: "data", Port: "8080" }),
    data(1, "one, "),
    data(9, "of nobody"),
    data(1, "two", 1),
  ]);
  for (let at = 0; at < bytes.length; at += 7) await session.receive(bytes.subarray(at, at + 7));
  const [stream] = streams;
  assert(stream !== undefined);
  assert.deepEqual(stream.headers, { streamtype: "data", port: "8080" });
  assert.equal(await text(stream.data), "one, two");
  const [reply] = sent;
  assert(reply !== undefined);
  assert.deepEqual([reply.readUInt16BE(2), reply.readUInt32BE(8)], [2, 1]);
  const options = { dictionary, finishFlush: constants.Z_SYNC_FLUSH };
  assert.deepEqual(inflateSync(reply.subarray(12), options), Buffer.alloc(4));
  await stream.send(Buffer.from("three"));
  await stream.end();
  assert.deepEqual(sent.slice(1), [data(1, "three"), data(1, "", 1)]);
  session.close();
});

test("a ping is answered with itself, and a reset ends what it is about", async () => {
  const { session, sent, streams } = makeSession();
  const ping = framed(0x8003, 6, 0, Buffer.from([0, 0, 0, 7]));
  await session.receive(ping);
  assert.deepEqual(sent, [ping]);
  await session.receive(opening(3, { a: "b" }));
  await session.receive(framed(0x8003, 3, 0, Buffer.from([0, 0, 0, 3, 0, 0, 0, 5])));
  const [stream] = streams;
  assert(stream !== undefined);
  await assert.rejects(text(stream.data), /Premature close|aborted/);
  session.close();
});

for (const { title, bytes } of [
  { title: "another version", bytes: framed(0x8002, 1, 0, Buffer.alloc(20)) },
  { title: "a frame of 8 MiB", bytes: Buffer.from([0x80, 3, 0, 1, 0, 0x80, 0, 0]) },
  { title: "headers that are not compressed", bytes: framed(0x8003, 1, 0, Buffer.alloc(40, 1)) },
]) {
  test(`${title} is refused`, async () => {
    const { session } = makeSession();
    await assert.rejects(session.receive(bytes));
  });
}
