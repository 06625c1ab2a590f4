import { test } from "node:test";
import { crashApi } from "./api/crash_api.ts";
import { crash } from "./crash.ts";

const SEED = Number(process.env["VARVE_SEED"] ?? Date.now() % 1_000_000);

test("a store that is killed has all that it answered, and nothing by halves", async (t) => {
  t.diagnostic(await crash({ kills: 6, seed: SEED }));
});

test("a server that is killed loses nothing, and its watchers see all of it once", async (t) => {
  t.diagnostic(await crashApi({ kills: 2, seed: SEED }));
});
