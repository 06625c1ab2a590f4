import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "./config.ts";

const OFF = ["--tls-gateway", "off"];
const ACME = ["--acme", "https://acme.example.com/directory"];

const REFUSED = [
  {
    flags: [...OFF, "--http-protocol", "redirected"],
    says: '--http-protocol (VARVE_HTTP_PROTOCOL) is "redirected": it needs a --tls-gateway',
  },
  { flags: [...OFF, "--hsts", "60"], says: '--hsts (VARVE_HSTS) is "60": it needs' },
  { flags: [...OFF, ...ACME], says: `--acme (VARVE_ACME) is "${ACME[1]}": it needs` },
  { flags: ["--http-protocol", "redirect"], says: '"redirect": want enabled or redirected' },
  { flags: ["--hsts", "1y"], says: '"1y": want whole seconds' },
  { flags: ["--acme", "http://a.example"], says: "or the https URL of an ACME directory" },
  { flags: ["--acme-challenge", "dns-01"], says: '"dns-01": want http-01 or tls-alpn-01' },
  ...["admin", "a@b.c,d@e.f", "a b@c"].map((email) => ({
    flags: [...ACME, "--acme-email", email],
    says: `is "${email}": want one address, such as admin@example.com`,
  })),
];

for (const { flags, says } of REFUSED) {
  test(`${flags.join(" ")} is refused: ${says}`, () => {
    assert.throws(
      () => readConfig(flags, {}),
      ({ message }: Error) => message.includes(says),
    );
  });
}

test("what may be said of TLS is taken", () => {
  assert.equal(readConfig(OFF, {}).tlsGateway, undefined);
  const { tls } = readConfig([...ACME, "--acme-email", "a@example.com", "--hsts", "9"], {});
  assert.deepEqual(tls, {
    ...{ httpProtocol: "enabled", hstsSeconds: 9 },
    acme: { url: ACME[1], challenge: "http-01", email: "a@example.com", caPath: undefined },
  });
});
