import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { hasVariable, isRunning, processOf, signal } from "./process.ts";

test("a process is known by its number and its beginning, until it is gone", async () => {
  const child = spawn("sleep", ["60"], { env: { TOKEN: "abc" }, detached: true });
  await once(child, "spawn");
  const id = processOf(child.pid ?? 0);
  assert(id !== undefined);
  assert.equal(isRunning(id), true);
  assert.equal(isRunning({ ...id, startedAt: "another time" }), false);
  assert.equal(hasVariable(id.pid, "TOKEN=abc"), true);
  assert.equal(hasVariable(id.pid, "TOKEN=ab"), false);

  signal({ ...id, startedAt: "another time" }, "SIGKILL");
  assert.equal(isRunning(id), true);
  const exit = once(child, "exit");
  signal(id, "SIGTERM");
  assert.deepEqual(await exit, [null, "SIGTERM"]);
  assert.equal(isRunning(id), false);
  signal(id, "SIGKILL");
});
