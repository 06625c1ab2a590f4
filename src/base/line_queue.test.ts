import assert from "node:assert/strict";
import { test } from "node:test";
import { LineQueue } from "./line_queue.ts";

test("a reader gets all that came before the end, and then the end", async () => {
  const queue = new LineQueue();
  queue.add([line("1")]);
  const reading = textsOf(queue);
  queue.add([line("2"), line("3")]);
  queue.end();
  assert.deepEqual(await reading, ["1", "2", "3"]);
});

test("a reader that goes away gets nothing more", async () => {
  const queue = new LineQueue();
  const away = new AbortController();
  const reading = textsOf(queue, away.signal);
  away.abort();
  queue.add([line("1")]);
  assert.deepEqual(await reading, []);
});

test("a reader that is too slow is told how much it missed", async () => {
  const queue = new LineQueue();
  queue.add(Array.from({ length: 10_005 }, (_, n) => line(String(n))));
  queue.end();
  const texts = await textsOf(queue);
  assert.equal(texts.length, 10_000);
  assert.deepEqual(texts.slice(0, 2), ["… 6 lines left out: the reader is too slow", "6"]);
});

function line(text: string) {
  return { at: "2026-01-01T00:00:00.000000Z", from: "one", run: 0, text };
}

async function textsOf(queue: LineQueue, signal?: AbortSignal): Promise<readonly string[]> {
  return await Array.fromAsync(queue.lines(signal), ({ text }) => text);
}
