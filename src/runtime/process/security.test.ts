import assert from "node:assert/strict";
import { test } from "node:test";
import { NotStarted } from "../not_started.ts";
import type { Security } from "../runtime.ts";
import { adoptedCaveats, securityCaveats } from "./security.ts";

const CASES: readonly { readonly asked?: Security; readonly isRoot: boolean; says: string }[] = [
  { isRoot: true, says: "" },
  { asked: { isNeverRoot: true }, isRoot: false, says: "" },
  { asked: { isRootReadOnly: true }, isRoot: false, says: "readOnlyRootFilesystem" },
  { asked: { mayGainPrivileges: false }, isRoot: true, says: "allowPrivilegeEscalation: false" },
  { asked: { droppedCapabilities: ["ALL"] }, isRoot: true, says: "capabilities.drop" },
  { asked: { droppedCapabilities: ["ALL"] }, isRoot: false, says: "" },
  { asked: { addedCapabilities: ["NET_BIND_SERVICE"] }, isRoot: true, says: "" },
  { asked: { addedCapabilities: ["NET_BIND_SERVICE"] }, isRoot: false, says: "capabilities.add" },
  { asked: { isSeccompOff: true }, isRoot: true, says: "" },
];

for (const { asked, isRoot, says } of CASES)
  test(`${isRoot ? "root" : "others"}: of ${JSON.stringify(asked)} it misses "${says}"`, () => {
    const said = securityCaveats(asked, isRoot);
    assert.deepEqual(
      said.map((it) => it.split(" cannot be had by a plain process")[0]),
      says === "" ? [] : [says],
    );
  });

test("whoever must not be root, and would be, does not start", () => {
  const asking = () => securityCaveats({ isNeverRoot: true }, true);
  assert.throws(
    asking,
    (thrown) => thrown instanceof NotStarted && /runAsUser/.test(thrown.message),
  );
});

test("of one that was begun before, only being root against orders is told", () => {
  const never = { isNeverRoot: true };
  const said = [
    adoptedCaveats(never, true),
    adoptedCaveats(never, false),
    adoptedCaveats({}, true),
  ];
  assert.deepEqual(
    said.map(({ length }) => length),
    [1, 0, 0],
  );
});
