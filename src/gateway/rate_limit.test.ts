import assert from "node:assert/strict";
import { test } from "node:test";
import { WorldClock } from "../../test/world/world_clock.ts";
import type { Asked } from "./course.ts";
import { Limiter } from "./rate_limit.ts";

test("a long key has a limit of its own, and takes no more room than a short one", () => {
  const spec = { requests: 1, per: "1h", header: "X-Key" };
  const limiter = new Limiter(spec, { clock: new WorldClock(), spent: () => {} });
  const codeOf = (key: string) => limiter.check(askedBy(key), "127.0.0.1", undefined)?.code;
  const [one, other] = ["a".repeat(30_000), `${"a".repeat(29_999)}b`];
  assert.deepEqual(
    [codeOf(one), codeOf(one), codeOf(other), codeOf("a")],
    [undefined, 429, undefined, undefined],
  );
  for (const [key] of limiter.takeSpent()) assert(key.length <= 64, key);
});

test("whoever takes another address of the same line of IPv6 is no other client", () => {
  const limiter = new Limiter({ requests: 1, per: "1h" }, { clock: new WorldClock(), spent() {} });
  const codeOf = (client: string) => limiter.check(askedBy(""), client, undefined)?.code;
  assert.deepEqual(
    [codeOf("2001:db8:0:1::1"), codeOf("2001:db8:0:1:a:b:c:d"), codeOf("2001:db8:0:2::1")],
    [undefined, 429, undefined],
  );
});

function askedBy(key: string): Asked {
  const line = { method: "GET", target: "/", host: "a.localhost", peer: "127.0.0.1" };
  return { ...line, isTls: false, bodyBytes: 0, header: () => key };
}
