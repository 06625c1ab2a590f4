import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { makeCertificate } from "./certificate.ts";
import { systemClock } from "./clock.ts";
import { makeHttpServer } from "./http_server.ts";

const HERE = { host: "127.0.0.1", rejectUnauthorized: false } as const;

test("an upload that is refused, and that breaks off, leaves the server as it was", async () => {
  const tls = await makeCertificate({ name: "a", nowMs: systemClock.now(), days: 2 });
  const fine = () => ({ code: 200, body: "fine" });
  const failed = () => ({ code: 500 });
  const limits = { tls, bodyBytesMax: 1000 };
  await using server = makeHttpServer({ ...limits, onError: failed, onUnknown: fine });
  server.route("PUT", "/upload", () => ({ code: 507 }), { isStreamed: true });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  for (let times = 0; times < 20; times += 1) await upload(port, times % 2 === 0);
  const asked = request({ ...HERE, port }).end();
  const answer = await new Promise<IncomingMessage>((resolve) => asked.once("response", resolve));
  assert.deepEqual([answer.statusCode, await text(answer)], [200, "fine"]);
});

/** Sends more than anybody reads, and may leave in the midst of it. */
function upload(port: number, isBroken: boolean): Promise<void> {
  return new Promise((resolve) => {
    const sent = request({ ...HERE, port, method: "PUT", path: "/upload" });
    sent.once("response", (answer) => answer.resume());
    sent.on("error", () => {}).once("close", () => resolve());
    sent.write(Buffer.alloc(4_000_000));
    if (isBroken) setImmediate(() => sent.destroy());
    else sent.end();
  });
}
