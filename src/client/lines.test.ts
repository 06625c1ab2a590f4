import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf } from "./lines.ts";

test("lines come whole, however the body is cut, and also a last one without an end", async () => {
  const text = 'first\n\n{"grüße":"🌊"}\nlast';
  for (const bytes of [1, 2, 3, 7, 100]) {
    assert.deepEqual(await Array.fromAsync(linesOf(cut(Buffer.from(text), bytes))), [
      "first",
      "",
      '{"grüße":"🌊"}',
      "last",
    ]);
  }
});

test("a character that was cut off by the end of the body is told, and not swallowed", async () => {
  const whole = Buffer.from("ends in ü");
  const body = cut(whole.subarray(0, whole.length - 1), 4);
  assert.deepEqual(await Array.fromAsync(linesOf(body)), ["ends in \uFFFD"]);
});

async function* cut(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
