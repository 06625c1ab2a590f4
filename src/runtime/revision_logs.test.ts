import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { RevisionLogs } from "./revision_logs.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-logs-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("an instance's lines are told from those of its sisters, also after a restart", async () => {
  {
    using logs = started();
    logs.open("default/a", "default/a-1");
    logs.open("default/a", "default/a-2");
    logs.append("default/a", [line("default/a-1", "one"), line("default/a-2", "two")]);
  }
  using logs = started();
  assert.deepEqual(await textsOf(logs, "default/a-1"), ["one"]);
  assert.deepEqual(await textsOf(logs, "default/a-2"), ["two"]);
  assert.deepEqual([logs.has("default/a-2"), logs.has("default/a-3")], [true, false]);
});

test("a follower gets each line once, and ends with the instance it follows", async () => {
  using logs = started();
  for (const name of ["a-1", "a-2"]) logs.open("a", name);
  logs.append("a", [line("a-1", "before"), line("a-2", "other")]);
  const following = Array.fromAsync(logs.read("a-1", { follow: true }), ({ text }) => text);
  logs.append("a", [line("a-1", "after")]);
  logs.append("a", [line("a-2", "other")]);
  logs.close("a-2");
  logs.append("a", [line("a-1", "last")]);
  logs.close("a-1");
  assert.deepEqual(await following, ["before", "after", "last"]);
  assert.deepEqual(await textsOf(logs, "a-1", { follow: true }), ["before", "after", "last"]);
});

test("one run of several can be asked for", async () => {
  using logs = started();
  logs.open("a", "a-1");
  logs.append("a", [line("a-1", "first"), { ...line("a-1", "second"), run: 1 }]);
  assert.deepEqual(await textsOf(logs, "a-1", { run: 0 }), ["first"]);
  assert.equal(await logs.lastRun("a-1"), 1);
});

test("a dropped log is gone from the disk, and its instances are forgotten", () => {
  using logs = started();
  logs.open("a", "a-1");
  logs.append("a", [line("a-1", "one")]);
  logs.drop("a");
  assert.deepEqual(readdirSync(directory), []);
  assert.equal(logs.has("a-1"), false);
});

function started(): RevisionLogs {
  const logs = new RevisionLogs({ directory });
  logs.start();
  return logs;
}

function line(from: string, text: string) {
  return { at: "2026-01-01T00:00:00.000000Z", from, run: 0, text };
}

async function textsOf(
  logs: RevisionLogs,
  name: string,
  options: { readonly run?: number; readonly follow?: boolean } = {},
): Promise<readonly string[]> {
  return await Array.fromAsync(logs.read(name, options), ({ text }) => text);
}
