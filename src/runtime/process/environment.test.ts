import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import { environmentOf } from "./environment.ts";

const AROUND = { port: 20_000, token: "abc", scratch: "/scratch", toolPath: "/usr/bin:/bin" };

test("an instance gets its own variables, a place of its own, and nothing of ours", () => {
  const env = environmentOf({}, { env: { COLOR: "blue" } }, AROUND);
  assert.deepEqual(env, {
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    HOME: "/scratch/home",
    TMPDIR: "/scratch/tmp",
    COLOR: "blue",
    PORT: "20000",
    VARVE_INSTANCE: "abc",
  });
});

test("a spec's variable goes before the image's, that before ours, but PORT is what it is", () => {
  const Env = ["PATH=/app/bin", "HOME=/app", "COLOR=red=green", "PORT=80", "EMPTY"];
  const { PATH, HOME, COLOR, PORT, EMPTY } = environmentOf(
    { Env },
    { env: { HOME: "/mine", PORT: "81" } },
    AROUND,
  );
  const found = [PATH, HOME, COLOR, PORT, EMPTY];
  assert.deepEqual(found, ["/app/bin", "/mine", "red=green", "20000", ""]);
});
