import { test } from "node:test";
import { crash } from "./crash.ts";

const KILLS = 10;

test("a store that is killed has all that it answered, and nothing by halves", async (t) => {
  const seed = Number(process.env["VARVE_SEED"] ?? Date.now() % 1_000_000);
  t.diagnostic(await crash({ kills: KILLS, seed }));
});
