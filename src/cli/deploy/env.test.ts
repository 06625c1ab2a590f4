import assert from "node:assert/strict";
import { test } from "node:test";
import { changedEnv, readEnvFile, readEnvFlag } from "./env.ts";

const READ = [
  { text: "A=1", means: { name: "A", value: "1" } },
  { text: "A=", means: { name: "A", value: "" } },
  { text: "A=b=c", means: { name: "A", value: "b=c" } },
  { text: "A-", means: { name: "A", isGone: true } },
  { text: "A=b-", means: { name: "A", value: "b-" } },
  {
    text: "A=secret:one/key.x",
    means: { name: "A", valueFrom: { secretKeyRef: { name: "one", key: "key.x" } } },
  },
  {
    text: "A=configmap:one/key",
    means: { name: "A", valueFrom: { configMapKeyRef: { name: "one", key: "key" } } },
  },
  { text: "A=secret:no slash", means: { name: "A", value: "secret:no slash" } },
];
for (const { text, means } of READ) {
  test(`--env ${text}`, () => assert.deepEqual(readEnvFlag(text), means));
}

test("what is no variable is refused", () => {
  assert.throws(() => readEnvFlag("A"), /--env is "A": want NAME=value/);
  assert.throws(() => readEnvFlag("=a"), /"" cannot be the name of a variable/);
  assert.throws(() => readEnvFlag("1 A=a"), /"1 A" cannot be the name/);
});

test("a file of variables has comments and quotes, and takes values as they are", () => {
  const text = '# all\nA=1\nexport B="two words"\nC=secret:one/key\n';
  assert.deepEqual(readEnvFile(text), [
    { name: "A", value: "1" },
    { name: "B", value: "two words" },
    { name: "C", value: "secret:one/key" },
  ]);
});

test("variables are changed in their places, dropped, and added at the end", () => {
  const before = ["A", "B", "C"].map((name) => ({ name, value: "old" }));
  const changes = ["B=new", "A-", "D=new", "E-"].map(readEnvFlag);
  assert.deepEqual(changedEnv(before, changes), [
    { name: "B", value: "new" },
    { name: "C", value: "old" },
    { name: "D", value: "new" },
  ]);
});
