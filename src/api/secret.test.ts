import assert from "node:assert/strict";
import { test } from "node:test";
import { cellOf } from "./column.ts";
import { ApiError } from "./error.ts";
import { SECRET, type Secret } from "./secret.ts";
import { admit, refusal, stored } from "./test_admission.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function secret(fields: object): object {
  return { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, ...fields };
}

function told(body: object, before?: Secret): readonly string[] {
  const { status } = refusal(SECRET, body, before && { stored: before });
  return (status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
}

test("a Secret that does not say is opaque, also when it is empty", () => {
  for (const fields of [{}, { type: "" }, { type: null }]) {
    assert.deepEqual(admit(SECRET, secret(fields)), {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s" },
      type: "Opaque",
    });
  }
});

test("texts become data, and win over it; line breaks of base64 go", () => {
  const word = base64("a rather long word that base64 tools like to break");
  const data = { a: base64("old"), b: `${word.slice(0, 20)}\r\n${word.slice(20)}\n`, c: null };
  const made = admit(SECRET, secret({ data, stringData: { a: "new", d: "ä" } }));
  assert.deepEqual(made.data, { a: base64("new"), b: word, c: "", d: base64("ä") });
  assert.equal(made.stringData, undefined);
});

test("an empty map of texts makes no data", () => {
  assert.equal(admit(SECRET, secret({ stringData: {} })).data, undefined);
});

const BAD_KEY = "a key is letters, digits, '-', '_' and '.'";

const REFUSED: readonly { readonly fields: object; readonly says: readonly string[] }[] = [
  {
    fields: { data: { "a/b": "" } },
    says: [`data[a/b]: Invalid value: "a/b": ${BAD_KEY}`],
  },
  {
    fields: { stringData: { "..a": "x" } },
    says: ['data[..a]: Invalid value: "..a": a key may not be "." or begin with ".."'],
  },
  {
    fields: { data: { ["k".repeat(254)]: "" } },
    says: [
      `data.${"k".repeat(200)}…: Invalid value: "${"k".repeat(200)}…": ` +
        "a key must be no more than 253 characters, has 254",
    ].map((it) => it.replace("data.k", "data[k").replace("…: Inv", "…]: Inv")),
  },
  ...["sesame!", "abc", "ab=c", "a===", "====", "YWI"].map((text) => ({
    fields: { data: { word: text } },
    says: ["data.word: Invalid value: must be base64, with padding"],
  })),
  {
    fields: { data: { a: "A".repeat(1_400_000) } },
    says: ["data: Too long: may not be more than 1048576 bytes, has 1050000"],
  },
  {
    fields: { type: "kubernetes.io/tls", data: { "tls.crt": base64("x") } },
    says: ["data[tls.key]: Required value: a Secret of type kubernetes.io/tls has this key"],
  },
  {
    fields: { type: "kubernetes.io/ssh-auth" },
    says: [
      "data[ssh-privatekey]: Required value: a Secret of type kubernetes.io/ssh-auth has this key",
    ],
  },
  {
    fields: { type: "kubernetes.io/basic-auth", stringData: { name: "x" } },
    says: [
      "data: Required value: a Secret of type kubernetes.io/basic-auth has username, password, " +
        "or both",
    ],
  },
  {
    fields: {
      type: "kubernetes.io/dockerconfigjson",
      stringData: { ".dockerconfigjson": "{sesame" },
    },
    says: [
      "data[.dockerconfigjson]: Invalid value: a Secret of type kubernetes.io/dockerconfigjson " +
        "has a JSON object here",
    ],
  },
];

for (const { fields, says } of REFUSED) {
  test(`a Secret is refused: ${says[0]?.slice(0, 90)}`, () => {
    assert.deepEqual(told(secret(fields)), says);
  });
}

test("Secrets of all types are fine with what their types ask for", () => {
  const right: readonly object[] = [
    { type: "kubernetes.io/tls", stringData: { "tls.crt": "a", "tls.key": "" } },
    { type: "kubernetes.io/basic-auth", stringData: { password: "p" } },
    { type: "kubernetes.io/ssh-auth", stringData: { "ssh-privatekey": "k", extra: "x" } },
    { type: "kubernetes.io/dockercfg", stringData: { ".dockercfg": "{}" } },
    { type: "kubernetes.io/dockerconfigjson", stringData: { ".dockerconfigjson": '{"auths":{}}' } },
    { type: "constructor" },
    { type: "example.com/own", data: { "A.b_c-1": base64("x") } },
    { data: { a: "A".repeat(1_398_100) } },
  ];
  for (const fields of right) admit(SECRET, secret(fields));
});

test("the type of a Secret stays what it is, also when it is not said again", () => {
  const before = stored(SECRET, secret({ type: "example.com/own" }));
  assert.equal(admit(SECRET, secret({}), { stored: before }).type, "example.com/own");
  assert.deepEqual(told(secret({ type: "Opaque" }), before), [
    'type: Invalid value: "Opaque": field is immutable, it is "example.com/own"',
  ]);
});

test("an immutable Secret changes no more, but for its labels", () => {
  const before = stored(SECRET, secret({ immutable: true, stringData: { a: "1" } }));
  const frozen = "Forbidden: field is immutable when `immutable` is set";
  const same = { immutable: true, data: { a: base64("1") } };
  admit(SECRET, secret({ ...same, metadata: { name: "s", labels: { b: "c" } } }), {
    stored: before,
  });
  assert.deepEqual(told(secret({ ...same, stringData: { a: "2" } }), before), [`data: ${frozen}`]);
  assert.deepEqual(told(secret({ data: same.data }), before), [`immutable: ${frozen}`]);
  assert.deepEqual(told(secret({ immutable: false }), before), [
    `immutable: ${frozen}`,
    `data: ${frozen}`,
  ]);
  const empty = stored(SECRET, secret({ immutable: true, data: {} }));
  admit(SECRET, secret({ immutable: true }), { stored: empty });
});

test("a table shows how many keys a Secret has, and none of them", () => {
  const one = stored(SECRET, secret({ stringData: { a: "sesame", b: "" } }));
  const cells = SECRET.columns.map((column) => cellOf(column, one, Date.parse("2026-01-01")));
  assert.deepEqual(cells, ["s", "Opaque", 2, "0s"]);
});

test("no refusal of a Secret repeats a value of it", () => {
  const before = stored(
    SECRET,
    secret({ immutable: true, type: "t", stringData: { a: "sesame" } }),
  );
  const deep = Array.from({ length: 90 }).reduce((inner) => ({ inner }), "sesame");
  const bodies: readonly unknown[] = [
    ...["data", "stringData"].flatMap((field) =>
      ["sesame", ["sesame"], { a: ["sesame"] }, { a: { b: "sesame" } }, { "a b": "sesame" }].map(
        (value) => secret({ [field]: value }),
      ),
    ),
    ...[".dockercfg", ".dockerconfigjson"].map((key) =>
      secret({ type: `kubernetes.io${key.replace(".", "/")}`, stringData: { [key]: "sesame" } }),
    ),
    secret({ data: { a: "sesame!" } }),
    secret({ data: deep }),
    secret({ stringData: { a: "sesame", b: "x".repeat(1_100_000) } }),
    secret({ immutable: "sesame" }),
    secret({ type: ["sesame"] }),
    secret({ type: "u", data: { a: "c2VzYW1l" } }),
  ];
  const hidden = /sesame|c2VzYW1l/;
  for (const body of bodies) {
    for (const options of [{}, { stored: before }]) {
      const refused = refusalOf(() => admit(SECRET, body, options));
      if (refused === undefined) continue;
      assert.doesNotMatch(JSON.stringify(refused.status), hidden);
    }
  }
});

function refusalOf(act: () => unknown): ApiError | undefined {
  try {
    act();
    return undefined;
  } catch (thrown) {
    assert(thrown instanceof ApiError);
    return thrown;
  }
}
