/** Part of `npm run test:acme`: certificates from Secrets, as a real server tells of them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { EVENT } from "../../src/api/event.ts";
import type { Draft } from "../../src/api/meta.ts";
import { SECRET, type Secret } from "../../src/api/secret.ts";
import { SERVICE } from "../../src/api/service.ts";
import { makeCertificate } from "../../src/base/certificate.ts";
import { systemClock } from "../../src/base/clock.ts";
import { ask } from "../../src/gateway/rig.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { HELLO, settled } from "./certified.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;
const PATIENCE_MS = 60_000;

test("a Secret makes a Route known by https, and one that is wrong is told of", async () => {
  await using varve = await VarveProcess.start({ flags: ["--tls-gateway", "127.0.0.1:0"] });
  const { client, home, endpoints } = varve;
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME };
  await promisify(execFile)(process.execPath, [MAIN, "sample", "--home", home], { env });
  const plain = await settled(varve, ({ reason }) => reason === "TLSNotEnabled");
  assert.match(plain.status?.url ?? "", /^http:/);

  const times = { nowMs: systemClock.now(), days: 10 };
  const pair = await makeCertificate({ name: "given", hosts: ["*.default.localhost"], ...times });
  await client.create(secretOf("given", pair.cert, pair.key));
  const given = await settled(varve, ({ status, reason }) => {
    return status === "True" && reason === undefined;
  });
  const urls = [given.status?.url, ...(given.status?.traffic ?? []).map(({ url }) => url)];
  assert(
    urls.every((url) => url?.startsWith("https://")),
    `${urls}`,
  );

  const annotations = { "networking.knative.dev/http-protocol": "Redirected" };
  await client.patch({ kind: SERVICE, key: HELLO }, { metadata: { annotations } });
  await client.delete(await client.get(SECRET, { ...HELLO, name: "given" }));
  const own = await settled(varve, ({ reason }) => reason === "OwnAuthority");
  const { hostname, port } = new URL(endpoints.gateway);
  const host = "hello.default.localhost";
  const { code, headers } = await ask(
    { host: hostname, port: Number(port) },
    { host, path: "/a?b" },
  );
  assert.deepEqual([code, headers.location], [308, `${own.status?.url}/a?b`]);

  await client.create(secretOf("wrong", "no certificate", "very-secret"));
  await untilTold(varve, "CertificateNotServed");
  assert(!(await varve.log()).includes("very-secret"));
});

function secretOf(name: string, cert: string, key: string): Draft<Secret> {
  const labels = { "varve.dev/certificate": "true" };
  const metadata = { name, namespace: "default", labels };
  const stringData = { "tls.crt": cert, "tls.key": key };
  const head = { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls" } as const;
  return { ...head, metadata, stringData };
}

async function untilTold({ client }: VarveProcess, reason: string): Promise<void> {
  const deadline = systemClock.elapsed() + PATIENCE_MS;
  for (;;) {
    const { items } = await client.list(EVENT, { namespace: "default" });
    if (items.some((it) => it.reason === reason)) return;
    assert(systemClock.elapsed() < deadline, `no Event says ${reason}`);
    await systemClock.sleep(100);
  }
}
