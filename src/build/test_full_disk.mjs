// Builds a source on a disk that it does not fit on, and tells how that ended.
import { systemClock as clock } from "../base/clock.ts";
import { silentLog as log } from "../base/log.ts";
import { DiskImageStore } from "../oci/disk.ts";
import { DiskBuilder } from "./disk_builder.ts";

const [, , home, source] = process.argv;
const images = new DiskImageStore({ home: `${home}/images` });
await images.start();
const builder = new DiskBuilder({ home, images, clock, log, toolPath: "/nowhere" });
await builder.start();
builder.watch((id) => {
  const { reason, message, completedAt } = builder.state(id);
  if (completedAt !== undefined) console.log(reason, message);
});
builder.build({ id: "a", source: { type: "archive", url: source } });
