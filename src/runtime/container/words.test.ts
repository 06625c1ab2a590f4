import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonIn } from "./words.ts";

const CASES = [
  {
    said:
      "failed to create shim task: OCI runtime create failed: runc create failed: unable to " +
      'start container process: exec: "/x": stat /x: no such file or directory: unknown',
    reason: 'exec: "/x": stat /x: no such file or directory',
  },
  {
    said: 'OCI runtime exec failed: exec failed: unable to start container process: exec: "x": oh',
    reason: 'exec: "x": oh',
  },
  { said: "Minimum memory limit allowed is 6MB", reason: "Minimum memory limit allowed is 6MB" },
];

for (const { said, reason } of CASES)
  test(`the reason is: ${reason}`, () => {
    assert.equal(reasonIn(said), reason);
  });
