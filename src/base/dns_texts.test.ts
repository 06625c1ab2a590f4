import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { textsOf } from "./dns_texts.ts";

test("texts are whole, none where there are none, and a server that fails is told", async () => {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => socket.send(answerTo(query), port, address));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const servers = [`127.0.0.1:${socket.address().port}`];
  assert.deepEqual(await textsOf("there.example.com", servers), ["namespace=shop"]);
  assert.deepEqual(await textsOf("none.example.com", servers), []);
  await assert.rejects(textsOf("fails.example.com", servers), { code: "ESERVFAIL" });
  socket.close();
});

const NO_NAME = 3;
const SERVER_FAILURE = 2;

/** By the first label of the question, which stands behind the twelve bytes of the head. */
function answerTo(query: Buffer): Buffer {
  const label = query.toString("latin1", 13, 13 + (query[12] ?? 0));
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  const code = label === "there" ? 0 : label === "none" ? NO_NAME : SERVER_FAILURE;
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(code === 0 ? 1 : 0, 6);
  const end = query.indexOf(0, 12) + 5;
  const question = query.subarray(12, end);
  if (code !== 0) return Buffer.concat([head, question]);
  const parts = ["namespace=", "shop"].map((text) =>
    Buffer.from(`${String.fromCharCode(text.length)}${text}`),
  );
  const data = Buffer.concat(parts);
  const record = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 1, 0, data.length]);
  return Buffer.concat([head, question, record, data]);
}
