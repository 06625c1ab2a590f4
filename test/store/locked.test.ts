import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isReason } from "../../src/api/error.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { configMap } from "../../src/store/store.suite.ts";
import { Directory, forbidWriting, isRoot, SmallDisk, whyNoSmallDisk } from "./directory.ts";

test("a store that another process uses is refused, until that one is gone", async () => {
  using directory = new Directory();
  const path = directory.store;
  const holder = await hold(path);
  try {
    await assert.rejects(openDiskStore({ path, log: silentLog }), isInUse(path));
  } finally {
    holder.kill("SIGKILL");
    await once(holder, "close");
  }
  await using store = await openDiskStore({ path, log: silentLog, mustExist: true });
  await store.put(configMap("a"), { expected: "absent" });
});

test("a store that this process uses already is refused, and stays locked for others", async () => {
  using directory = new Directory();
  const path = directory.store;
  await using store = await openDiskStore({ path, log: silentLog });
  await assert.rejects(openDiskStore({ path, log: silentLog }), isInUse(path));
  // A refused try must not have dropped the lock, which is this process's as a whole.
  await assert.rejects(hold(path), /another Varve uses it/);
  await store.put(configMap("a"), { expected: "absent" });
});

const whyNotReadOnly = isRoot ? whyNoSmallDisk() : undefined;

test("a store that cannot be written is refused", { skip: whyNotReadOnly ?? false }, async () => {
  using disk = isRoot ? new SmallDisk(4 * 1024 * 1024) : new Directory();
  const path = `${disk.path}/store.db`;
  {
    await using store = await openDiskStore({ path, log: silentLog });
    await store.put(configMap("a"), { expected: "absent" });
  }
  if (disk instanceof SmallDisk) disk.forbidWriting();
  using _ = disk instanceof SmallDisk ? undefined : forbidWriting(disk.path, [path]);
  for (const it of [path, `${disk.path}/new.db`]) {
    await assert.rejects(openDiskStore({ path: it, log: silentLog }), (thrown) => {
      assert(isReason(thrown, "Forbidden"), String(thrown));
      assert(thrown.message.startsWith(`Cannot open the store "${it}": it cannot be written`));
      return true;
    });
  }
});

function isInUse(path: string) {
  return (thrown: unknown) => {
    assert(isReason(thrown, "ServiceUnavailable"), String(thrown));
    const message = `Cannot open the store "${path}": another Varve uses it; stop that one first`;
    assert(thrown.message.startsWith(message), thrown.message);
    return true;
  };
}

/** Another process that has the store open. Throws what it says when it cannot. */
async function hold(path: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("hold.ts", import.meta.url));
  const child = spawn(process.execPath, [script, path], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const outcome = await Promise.race([once(child.stdout, "data"), once(child, "close")]);
  if (outcome[0] instanceof Buffer) return child;
  throw new Error(said);
}
