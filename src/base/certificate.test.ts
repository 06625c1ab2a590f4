import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import { makeCertificate, whyUseless } from "./certificate.ts";
import { systemClock } from "./clock.ts";

const NOW_MS = systemClock.now();

test("a certificate of our authority is accepted by who trusts it, for its hosts", async () => {
  const authority = await makeCertificate({ name: "test authority", nowMs: NOW_MS, days: 2 });
  const hosts = ["localhost", "127.0.0.1"];
  const own = await makeCertificate({
    name: "test",
    hosts,
    issuer: authority,
    nowMs: NOW_MS,
    days: 2,
  });
  const server = createServer({ ...own }, (socket) => socket.end("hello"));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  assert(typeof address === "object" && address !== null);

  const { port } = address;
  const trusted = connect({ port, host: "127.0.0.1", ca: authority.cert });
  await once(trusted, "secureConnect");
  assert.equal(trusted.authorized, true);
  const other = await makeCertificate({ name: "another", nowMs: NOW_MS, days: 2 });
  const [refused] = await failureOf(connect({ port, host: "127.0.0.1", ca: other.cert }));
  assert.match(String(refused), /certificate/);
  trusted.destroy();
  server.close();
});

test("a certificate is of no use when it is for other hosts, runs out, or is not one", async () => {
  const { cert } = await makeCertificate({ name: "a", hosts: ["a.test"], nowMs: NOW_MS, days: 10 });
  const why = (hosts: readonly string[], days: number) =>
    whyUseless(cert, { hosts, nowMs: NOW_MS, days });
  assert.equal(why(["a.test"], 9), undefined);
  assert.match(why(["a.test"], 11) ?? "", /^it runs out on /);
  assert.equal(why(["a.test", "10.0.0.1"], 1), "it is not good for 10.0.0.1");
  assert.equal(whyUseless("nonsense", { hosts: [], nowMs: NOW_MS, days: 1 }), "it cannot be read");
});

async function failureOf(socket: TLSSocket): Promise<unknown[]> {
  return await once(socket, "error");
}
