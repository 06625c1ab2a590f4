import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { makeHttpServer } from "./http_server.ts";
import type { Outlet } from "./outlet.ts";

type Write = (outlet: Outlet) => Promise<void>;

/** A server that answers each request with the next of these. */
async function serverOf(...writes: readonly Write[]) {
  const left = [...writes];
  const thrown: unknown[] = [];
  const server = makeHttpServer({
    bodyBytesMax: 1000,
    onUnknown: () => ({ code: 200, write: left.shift() ?? (async () => {}) }),
    onError(it) {
      thrown.push(it);
      return { code: 500 };
    },
  });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  return { port, thrown, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function ask(port: number, requests: string): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.write(requests);
  return socket;
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}

test("each piece is a chunk, and an empty one is none", async () => {
  const write: Write = async ({ send }) => {
    for (const piece of ["one", "", new Uint8Array([116, 119, 111]), "drei\u00e9"]) send(piece);
  };
  await using server = await serverOf(write);
  const answer = await text(ask(server.port, LAST));
  assert.equal(bodyOf(answer), "3\r\none\r\n3\r\ntwo\r\n6\r\ndrei\u00e9\r\n0\r\n\r\n");
});

test("pieces of many turns come in order, to each of many readers", async () => {
  const writes = Array.from({ length: 20 }, () => async ({ send }: Outlet) => {
    for (let at = 0; at < 50; at += 1) {
      send(`${at};`);
      if (at % 7 === 0) await new Promise(setImmediate);
    }
  });
  await using server = await serverOf(...writes);
  const answers = await Promise.all(writes.map(() => text(ask(server.port, LAST))));
  const all = Array.from({ length: 50 }, (_, at) => `${at};`).join("");
  for (const answer of answers) {
    assert.equal(bodyOf(answer).replaceAll(/[0-9a-f]+\r\n|\r\n/g, ""), all);
  }
});

test("a request that waits behind another on its connection is answered after it", async () => {
  const first: Write = async ({ send }) => {
    send("first");
    await new Promise(setImmediate);
    send("still first");
  };
  const second: Write = async ({ send }) => send("second");
  await using server = await serverOf(first, second);
  const answer = await text(ask(server.port, GET + LAST));
  const bodies = answer.split("HTTP/1.1 200 OK").slice(1).map(bodyOf);
  const ends = "0\r\n\r\n";
  assert.deepEqual(bodies, [`5\r\nfirst\r\nb\r\nstill first\r\n${ends}`, `6\r\nsecond\r\n${ends}`]);
});

test("a client of HTTP/1.0 gets the pieces without chunks", async () => {
  await using server = await serverOf(async ({ send }) => {
    send("one ");
    send("two");
  });
  assert.equal(bodyOf(await text(ask(server.port, "GET / HTTP/1.0\r\n\r\n"))), "one two");
});

test("a reader that takes nothing is cut off", async () => {
  const piece = Buffer.alloc(1_000_000);
  const { promise, resolve } = Promise.withResolvers<number>();
  await using server = await serverOf(async ({ send, signal }) => {
    let sent = 0;
    for (; !signal.aborted && sent < 100; sent += 1) {
      send(piece);
      await new Promise(setImmediate);
    }
    resolve(sent);
  });
  const reader = ask(server.port, GET).pause();
  const sent = await promise;
  reader.destroy();
  assert.ok(sent > 16 && sent < 60, `${sent} MB were taken for a reader that reads nothing`);
});

test("what is thrown once the answer has begun cuts it, and is told", async () => {
  const wrong = new Error("wrong");
  await using server = await serverOf(async ({ send }) => {
    send("one");
    throw wrong;
  });
  const answer = await text(ask(server.port, GET)).catch(() => "");
  assert.ok(!answer.endsWith("0\r\n\r\n"), answer);
  assert.deepEqual(server.thrown, [wrong]);
});
