import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api/error.ts";
import { seededChance } from "../base/chance.ts";
import { readProtobuf } from "./protobuf.ts";

const bytes = (number: number, value: Buffer | string) => {
  const content = Buffer.from(value);
  return Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
};
const int = (number: number, value: number) => Buffer.from([number << 3, value]);
const body = (apiVersion: string, kind: string, ...raw: readonly Buffer[]) =>
  Buffer.concat([
    Buffer.from("k8s\0"),
    bytes(1, Buffer.concat([bytes(1, apiVersion), bytes(2, kind)])),
    bytes(2, Buffer.concat(raw)),
  ]);

const METADATA = bytes(1, Buffer.concat([bytes(1, "s"), bytes(5, ""), bytes(8, int(1, 9))]));
const ENTRY = bytes(2, Buffer.concat([bytes(1, "a/__proto__"), bytes(2, "\xff")]));
const SECRET = body("v1", "Secret", METADATA, ENTRY, bytes(3, "Opaque"), int(5, 1), int(15, 1));

test("an object in protobuf is read as its JSON would be; what is not known is passed over", () => {
  assert.deepEqual(readProtobuf(SECRET), {
    ...{ apiVersion: "v1", kind: "Secret" },
    metadata: { name: "s", creationTimestamp: "1970-01-01T00:00:09Z" },
    data: { "a/__proto__": Buffer.from("\xff").toString("base64") },
    ...{ type: "Opaque", immutable: true },
  });
  const rule = Buffer.concat([bytes(1, "get"), bytes(2, ""), bytes(3, "pods")]);
  const role = readProtobuf(body("rbac.authorization.k8s.io/v1", "Role", bytes(2, rule)));
  const rules = [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }];
  assert.deepEqual(role, { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", rules });
});

test("what nobody sends in protobuf is refused, with what to send instead", () => {
  const refused = (sent: Buffer, code: number, message: RegExp) =>
    assert.throws(
      () => readProtobuf(sent),
      (thrown) =>
        thrown instanceof ApiError && thrown.status.code === code && message.test(thrown.message),
    );
  refused(body("serving.knative.dev/v1", "Service"), 415, /application\/json and application\/yam/);
  refused(Buffer.from("{}"), 400, /it does not begin with k8s/);
  refused(SECRET.subarray(0, -4), 400, /it ends too early/);
  const far = Buffer.from([8, 255, 255, 255, 255, 255, 255, 255, 127]);
  refused(body("v1", "Secret", bytes(1, bytes(8, far))), 400, /a time is out of reach/);
});

test("whatever bytes come, they are read or refused", () => {
  const seed = 7;
  const chance = seededChance(seed);
  for (let times = 0; times < 20_000; times += 1) {
    const sent = Buffer.from(SECRET);
    for (let changes = 0; changes < 3; changes += 1) {
      sent[4 + Math.floor(chance.fraction() * (sent.length - 4))] = chance.fraction() * 256;
    }
    try {
      readProtobuf(sent.subarray(0, 4 + Math.ceil(chance.fraction() * sent.length)));
    } catch (thrown) {
      assert(
        thrown instanceof ApiError,
        `seed ${seed}, ${times}: ${sent.toString("hex")}: ${thrown}`,
      );
    }
  }
});
