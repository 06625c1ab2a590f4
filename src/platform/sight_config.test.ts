import assert from "node:assert/strict";
import { test } from "node:test";
import { readSight, SIGHT_SETTINGS } from "./sight_config.ts";

const wrong = (flag: string, value: string, rule: string) => new Error(`${flag} ${value}: ${rule}`);

function read(flags: Readonly<Record<string, string>> = {}) {
  const usual = Object.fromEntries(SIGHT_SETTINGS.map((it) => [it.flag, it.otherwise]));
  return readSight({ wrong, text: (flag) => flags[flag] ?? usual[flag] ?? "" });
}

test("what the gateway is to tell is read, and nothing unless it is said", () => {
  assert.deepEqual(read(), {});
  const all = { "trusted-proxies": "10.0.0.0/8,fd00::/8,::1", "access-log": ".5" };
  assert.deepEqual(read({ ...all, "otlp-endpoint": "http://a:1/v1/traces" }), {
    trustedProxies: ["10.0.0.0/8", "fd00::/8", "::1"],
    accessLog: { sample: 0.5 },
    tracing: { endpoint: "http://a:1/v1/traces", sample: 1 },
  });
});

test("what is no address, share or URL is refused", () => {
  const cases = [
    ...["999.1.1.1/99", "10.0.0.0/33", "fd00::/129", "host", "10.0.0.0/8,"].map((value) => {
      return { "trusted-proxies": value };
    }),
    ...["some", "1.5", "-1"].map((value) => ({ "access-log": value })),
    ...["a:1", "ftp://a", "http://"].map((value) => ({ "otlp-endpoint": value })),
    { "trace-sample": "2" },
  ];
  for (const flags of cases) assert.throws(() => read(flags), /: want /, JSON.stringify(flags));
});
