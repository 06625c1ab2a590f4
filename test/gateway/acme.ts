/** `npm run test:acme`: certificates from a real ACME server, Pebble, by both kinds of proof. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { type Condition, conditionOf } from "../../src/api/condition.ts";
import { EVENT } from "../../src/api/event.ts";
import { SECRET } from "../../src/api/secret.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { deleted, settled } from "./certified.ts";
import { hasPebble, Pebble } from "./pebble.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;
const DOMAIN = "apps.example.test";
const skip = hasPebble() ? false : "pebble is not here: apt-get install pebble";

for (const challenge of ["http-01", "tls-alpn-01"] as const) {
  test(`every host of a Route gets a certificate by ${challenge}`, { skip }, async () => {
    await using pebble = await Pebble.prepare();
    const flags = ["--domain", DOMAIN, "--acme", pebble.url, "--acme-ca", pebble.caPath];
    const how = ["--acme-challenge", challenge, "--tls-gateway", "127.0.0.1:0", "--hsts", "60"];
    await using varve = await VarveProcess.start({ flags: [...flags, ...how] });
    const { httpPort, tlsPort } = portsOf(varve);
    await pebble.start({ httpPort, tlsPort });
    await deploySample(varve);
    const route = await settled(varve, ({ status, reason }) => {
      return status === "True" && reason === undefined;
    });
    assert.equal(route.status?.url, `https://hello.default.${DOMAIN}:${tlsPort}`);
    const ca = await pebble.root();
    for (const label of ["hello", "v1-hello", "v2-hello"]) {
      const host = `${label}.default.${DOMAIN}`;
      assert.match(await ask({ host, port: tlsPort, ca }), /200 OK/);
      const key = { namespace: "default", name: `acme-${host}` };
      const { type, metadata } = await varve.client.get(SECRET, key);
      assert.equal(type, "kubernetes.io/tls");
      assert.equal(metadata.labels?.["varve.dev/certificate"], "true");
    }
    assert(!/PRIVATE KEY|[\w-]{43}\.[\w-]{43}/.test(await varve.log()), "a secret is in the log");
  });
}

test("a host that comes back is served by the certificate that it had", { skip }, async () => {
  await using pebble = await Pebble.prepare();
  const flags = ["--domain", DOMAIN, "--acme", pebble.url, "--acme-ca", pebble.caPath];
  await using varve = await VarveProcess.start({
    flags: [...flags, "--tls-gateway", "127.0.0.1:0"],
  });
  await pebble.start(portsOf(varve));
  const { client } = varve;
  const isGiven = ({ status, reason }: Condition) => status === "True" && reason === undefined;
  const secret = { namespace: "default", name: `acme-hello.default.${DOMAIN}` };
  await deploySample(varve);
  await settled(varve, isGiven);
  const before = await client.get(SECRET, secret);
  await deleted(varve);
  await deploySample(varve);
  await settled(varve, isGiven);
  const after = await client.get(SECRET, secret);
  assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
});

test("what an authority refuses is told to the Route, and is not asked at once", {
  skip,
}, async () => {
  await using pebble = await Pebble.prepare();
  const flags = ["--domain", DOMAIN, "--acme", pebble.url, "--acme-ca", pebble.caPath];
  await using varve = await VarveProcess.start({
    flags: [...flags, "--tls-gateway", "127.0.0.1:0"],
  });
  // Nobody listens where it will look for proof.
  await pebble.start({ httpPort: 1, tlsPort: 1 });
  await deploySample(varve);
  const route = await settled(varve, ({ reason, message = "" }) => {
    return reason === "HTTPDowngrade" && message.includes("No certificate");
  });
  assert.match(route.status?.url ?? "", /^http:/);
  assert.equal(conditionOf(route.status, "Ready")?.status, "True");
  const { items } = await varve.client.list(EVENT, { namespace: "default" });
  assert(items.some(({ reason }) => reason === "CertificateFailed"));
  await varve.kill();
  await varve.start();
  const { data = {} } = await varve.client.get(SECRET, {
    ...{ namespace: "varve-system", name: "acme-account" },
  });
  const kept = Buffer.from(data["backoff"] ?? "", "base64").toString();
  assert.match(kept, new RegExp(`hello\\.default\\.${DOMAIN}":{"failures":1`));
});

function portsOf({ endpoints }: VarveProcess) {
  const { gateway, gatewayTls = "" } = endpoints as { gateway: string; gatewayTls?: string };
  return { httpPort: Number(new URL(gateway).port), tlsPort: Number(new URL(gatewayTls).port) };
}

async function deploySample({ home }: VarveProcess): Promise<void> {
  const { PATH, HOME } = process.env;
  await promisify(execFile)(process.execPath, [MAIN, "sample", "--home", home], {
    env: { PATH, HOME },
  });
}

interface At {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
}

async function ask({ host, port, ca }: At): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, servername: host, ca });
  socket.on("error", reject);
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let heard = "";
  socket.on("data", (bytes) => {
    heard += bytes;
  });
  socket.on("end", () => resolve(heard));
  return await promise;
}
