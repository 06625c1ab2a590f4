import assert from "node:assert/strict";
import { test } from "node:test";
import { whyNoRecorder } from "./power/recording.ts";
import { cutPower } from "./power_cut.ts";

const CUTS = 6;
const skip = whyNoRecorder() ?? false;

test("a store whose power is cut has all that it answered", { skip }, async (t) => {
  const seed = Number(process.env["VARVE_SEED"] ?? Date.now() % 1_000_000);
  t.diagnostic(await cutPower({ cuts: CUTS, seed }));
});

test("a store that synced less would be found out", { skip }, async () => {
  const cutting = cutPower({ cuts: CUTS, seed: 1, synchronous: "NORMAL" });
  await assert.rejects(cutting, (thrown) => {
    assert(thrown instanceof Error && thrown.cause instanceof Error);
    assert.match(thrown.cause.message, /answered writes are missing|which is gone/);
    return true;
  });
});
