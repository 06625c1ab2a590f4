import assert from "node:assert/strict";
import { test } from "node:test";
import { exitOf, toldOf } from "./exit.ts";
import type { Ended } from "./launch.ts";

const CASES = [
  { ended: { code: 0 }, reason: "Completed", told: "it ended with exit code 0" },
  { ended: { code: 3 }, reason: "Error", told: "it ended with exit code 3" },
  { ended: { code: 127 }, reason: "Error", told: "it ended with exit code 127" },
  { ended: { signal: "SIGSEGV" }, reason: "Error", told: "it was ended by SIGSEGV" },
  {
    ended: {},
    reason: "Unknown",
    told: "it ended while this server was not there to see how",
  },
  {
    ended: { signal: "SIGKILL" },
    oomKills: 1,
    reason: "OutOfMemory",
    told: "it needed more memory than its limit allows",
  },
  { ended: { code: 0 }, oomKills: 1, reason: "Completed", told: "it ended with exit code 0" },
  {
    ended: { signal: "SIGTERM" },
    illness: "its liveness probe failed: GET / answers 500",
    reason: "Unhealthy",
    told: "its liveness probe failed: GET / answers 500",
  },
  {
    ended: { code: 127 },
    output: "varve-start: 1: exec: /app/x: not found",
    reason: "NotStarted",
    told: "it could not be started: it cannot be executed: varve-start: 1: exec: /app/x: not found",
  },
];

for (const { ended, reason, told, oomKills = 0, illness, output = "words" } of CASES)
  test(`how it ended: ${told}`, () => {
    const seen: Ended = ended;
    const exit = exitOf({ ended: seen, oomKills, illness, output, at: "2026-01-01T00:00:00Z" });
    assert.equal(exit.reason, reason);
    assert.equal(toldOf(exit), told);
  });
