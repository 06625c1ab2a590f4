import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./fuzz.ts";

test("whatever is sent to the API is answered, and never by a failure of ours", async () => {
  const seed = Number(process.env["SEED"] ?? 20_260_101);
  const codes = await fuzz(512, seed);
  const taken = (codes.get(200) ?? 0) + (codes.get(201) ?? 0);
  assert(taken > 60, `seed ${seed}: ${taken} were taken: ${JSON.stringify([...codes])}`);
});
