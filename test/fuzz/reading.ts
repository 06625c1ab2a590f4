/**
 * What is looked for in an input: that it is read, as a request and as an answer, without a throw,
 * and as Node reads it.
 */
import type { Chance } from "../../src/base/chance.ts";
import { Facts } from "../../src/base/h1/facts.ts";
import { Framing } from "../../src/base/h1/framing.ts";
import { Head } from "../../src/base/h1/head.ts";
import { difference } from "../../src/gateway/h1/differ.ts";
import { LIMITS } from "../../src/gateway/limits.ts";

/** What is wrong with how it is read, if anything is. */
export function problemOf(bytes: Buffer, chance: Chance): string | undefined {
  try {
    readAsAnswer(bytes);
    return difference(bytes, chance);
  } catch (thrown) {
    return `it throws ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : thrown}`;
  }
}

/** The same bytes as what an instance has sent: nothing may be thrown. */
function readAsAnswer(bytes: Buffer): void {
  const head = new Head(LIMITS);
  const end = head.readAnswer(bytes, 0, bytes.length);
  if (end < 0) return;
  const facts = new Facts();
  if (facts.read(head, false) !== undefined) return;
  const framing = new Framing(new Head(LIMITS), LIMITS);
  if (facts.isChunked) framing.startChunks();
  else framing.startLength(Math.max(0, facts.length));
  framing.feed(bytes, end, bytes.length, { take: () => {} });
}
