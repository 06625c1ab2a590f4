import assert from "node:assert/strict";
import { test } from "node:test";
import { type CertificateState, type RouteTls, securedBy } from "./tls.ts";

const own: CertificateState = { is: "own" };

const TLS: RouteTls = {
  port: 8443,
  httpProtocol: "enabled",
  hstsSeconds: 0,
  cover: async () => [],
  stateOf: () => own,
  release: () => {},
  source: () => ({ [Symbol.dispose]: () => {} }),
};

const given: CertificateState = { is: "given" };
const awaited: CertificateState = { is: "pending", message: "asked" };
const broken: CertificateState = { is: "failed", message: "refused" };

const CASES = [
  { title: "all given", states: [given, given], told: ["https", "True", undefined] },
  { title: "one of our own", states: [given, own], told: ["http", "True", "TLSNotEnabled"] },
  { title: "one awaited", states: [given, awaited], told: ["http", "True", "HTTPDowngrade"] },
  { title: "one refused", states: [given, broken], told: ["http", "True", "HTTPDowngrade"] },
];

for (const { title, states, told } of CASES) {
  test(`where plain HTTP is answered, ${title} makes it ${told.join(" ")}`, () => {
    const { scheme, condition } = securedBy({ tls: TLS, states, isRedirected: false });
    assert.deepEqual([scheme, condition.status, condition.reason], told);
  });
}

const REDIRECTED = [
  { title: "all given", states: [given], told: ["True", undefined] },
  { title: "our own", states: [own], told: ["True", "OwnAuthority"] },
  { title: "one awaited", states: [given, awaited], told: ["Unknown", "CertificateNotReady"] },
  {
    title: "one refused",
    states: [awaited, broken],
    told: ["False", "CertificateProvisionFailed"],
  },
];

for (const { title, states, told } of REDIRECTED) {
  test(`where plain HTTP is redirected, ${title} makes it ${told.join(" ")}`, () => {
    const tls = { ...TLS, hstsSeconds: 60 };
    const { scheme, condition, https } = securedBy({ tls, states, isRedirected: true });
    assert.deepEqual([condition.status, condition.reason], told);
    assert.deepEqual([scheme, https], ["https", { redirectPort: 8443, hstsSeconds: 60 }]);
  });
}
