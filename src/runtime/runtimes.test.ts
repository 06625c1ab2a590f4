import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { DiskImageStore } from "../oci/disk.ts";
import { makeTestImage } from "../oci/test_image.ts";
import { ContainerRuntime } from "./container/container_runtime.ts";
import { ProcessBed } from "./process/process_bed.ts";
import { runtimeSuite } from "./runtime.suite.ts";
import { Runtimes } from "./runtimes.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};

/** Processes, and containers that no engine runs. */
async function makeBed() {
  const bed = await ProcessBed.make(TOOLS);
  const open = async () => {
    const containers = new ContainerRuntime({
      home: join(bed.home, "containers"),
      images: bed.images,
      addresses: [{ kind: "unix", path: "/nonexistent/docker.sock" }],
      clock: systemClock,
      chance: systemChance,
      log: silentLog,
      backoff: { firstMs: 20, mostMs: 200 },
    });
    const runtimes = new Runtimes([bed.unopened(), containers]);
    await runtimes.start();
    return runtimes;
  };
  const { app, unfit } = bed;
  return { app, unfit, open, [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose]() };
}

runtimeSuite(makeBed);

test("an image that no runtime can run is refused with the reason of each", async () => {
  await using bed = await makeBed();
  await using runtimes = await bed.open();
  assert.equal(runtimes.kind, "process+container");
  const why = (await runtimes.whyNot(bed.unfit)) ?? "";
  assert.match(why, /^As a plain process: it was not made for the process runtime/);
  assert.match(why, /As a container: no container engine answers: there is nothing at unix:/);
  assert.match(why, /Install Docker or Podman and start it .* --containers/);
  assert.match(
    (await runtimes.whyNot(bed.app, { volumes: ["config"] })) ?? "",
    /it mounts volumes \("config"\), which a plain process cannot have/,
  );
});
