import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { silentLog } from "../base/log.ts";
import { openDiskStore } from "./disk.ts";
import { MemoryStore } from "./memory.ts";
import { describeStore } from "./store.suite.ts";

const directory = mkdtempSync(join(tmpdir(), "varve-store-"));
after(() => rmSync(directory, { recursive: true }));

let count = 0;

describeStore("memory", async () => new MemoryStore());
describeStore("disk", () => {
  count += 1;
  return openDiskStore({ path: join(directory, `${count}.db`), log: silentLog });
});
