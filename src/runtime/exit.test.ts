import assert from "node:assert/strict";
import { test } from "node:test";
import { exitOf, toldOf } from "./exit.ts";
import type { Ended } from "./run.ts";

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
    isOutOfMemory: true,
    reason: "OutOfMemory",
    told: "it needed more memory than its limit allows",
  },
  {
    ended: { code: 0 },
    isOutOfMemory: true,
    reason: "Completed",
    told: "it ended with exit code 0",
  },
  {
    ended: { signal: "SIGTERM" },
    illness: "its liveness probe failed: GET / answers 500",
    reason: "Unhealthy",
    told: "its liveness probe failed: GET / answers 500",
  },
  {
    ended: { code: 127 },
    wasStarted: false,
    output: "exec: /app/x: not found",
    reason: "NotStarted",
    told: "it could not be started: it cannot be executed: exec: /app/x: not found",
  },
];

for (const { ended, reason, told, ...given } of CASES)
  test(`how it ended: ${told}`, () => {
    const { illness, isOutOfMemory = false, wasStarted = true, output = "words" } = given;
    const seen: Ended = ended;
    const remains = { isOutOfMemory, wasStarted, output };
    const exit = exitOf({ ended: seen, remains, illness, at: "2026-01-01T00:00:00Z" });
    assert.equal(exit.reason, reason);
    assert.equal("message" in exit, false);
    const left = { ...remains, message: "no database" };
    assert.deepEqual(exitOf({ ended: seen, remains: left, illness, at: exit.at }), {
      ...exit,
      message: "no database",
    });
    assert.equal(toldOf(exit), told);
  });
