import { test } from "node:test";
import { checkLinear } from "./run.ts";

const SEED = Number(process.env["VARVE_SEED"] ?? Date.now() % 1_000_000);

test("what the API answers has an order, also over a kill of the server", async (t) => {
  t.diagnostic(await checkLinear({ rounds: 1, seed: SEED, kills: true }));
});
