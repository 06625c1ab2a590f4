import { silentLog } from "../../src/base/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";

// Opens the store it is given, says so, and holds it until it is killed.
const [, , path = ""] = process.argv;
await openDiskStore({ path, log: silentLog });
process.stdout.write("open\n");
setInterval(() => {}, 60_000);
