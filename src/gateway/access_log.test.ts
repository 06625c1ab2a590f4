import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { AccessLog } from "./access_log.ts";

test("lines go to a file of the name, also when somebody has moved the one before", async () => {
  const directory = mkdtempSync(join(tmpdir(), "varve-access-"));
  const path = join(directory, "access-0.log");
  let dropped = 0;
  const lost = () => {
    dropped += 1;
  };
  const log = new AccessLog({ clock: systemClock, path, dropped: lost });
  log.add("one");
  log.add("two");
  await log.close();
  renameSync(path, join(directory, "moved"));
  log.add("three");
  await log.close();
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  assert.deepEqual([read("moved"), read("access-0.log")], ["one\ntwo\n", "three\n"]);
  rmSync(directory, { recursive: true });
  log.add("four");
  await log.close();
  assert.equal(dropped, 1, "where there is no place, it is counted");
});
