import assert from "node:assert/strict";
import { test } from "node:test";
import { type Backend, makeBackend, makeEndpoint } from "./backend.ts";
import { pickEndpoint } from "./pick.ts";

const LIMITS = { timeoutMs: 1_000, concurrency: 0 };

test("the instance with the fewest open requests is chosen, and equals take turns", () => {
  const backend = withOpen([2, 1, 1, 3, 1]);
  const chosen = Array.from({ length: 7 }, () => pickEndpoint(backend)?.name);
  assert.deepEqual(chosen, ["i1", "i2", "i4", "i1", "i2", "i4", "i1"]);
});

test("no instance is chosen beyond what it may serve, and none when none may", () => {
  const backend = withOpen([0, 0]);
  for (const endpoint of backend.endpoints) endpoint.openMax = 2;
  const names: (string | undefined)[] = [];
  for (let step = 0; step < 5; step += 1) {
    const endpoint = pickEndpoint(backend);
    if (endpoint !== undefined) endpoint.open += 1;
    names.push(endpoint?.name);
  }
  assert.deepEqual(names, ["i0", "i1", "i0", "i1", undefined]);
  assert.equal(pickEndpoint(withOpen([])), undefined);
});

function withOpen(open: readonly number[]): Backend {
  const backend = makeBackend("default/r", LIMITS);
  backend.endpoints = open.map((count, at) => {
    const endpoint = makeEndpoint({ name: `i${at}`, host: "127.0.0.1", port: 1 }, backend);
    endpoint.open = count;
    return endpoint;
  });
  return backend;
}
