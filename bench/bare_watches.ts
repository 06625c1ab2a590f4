/**
 * What sending to many costs without any of Varve: a TLS server of Node's own that writes one and
 * the same chunk to each connection that watches. Started by `api.ts` as a process of its own.
 */
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { makeCertificate } from "../src/base/certificate.ts";
import { systemClock } from "../src/base/clock.ts";

/** As long as what the API sends for a change of a ConfigMap of 1 KB. */
const LINE = `{"type":"MODIFIED","object":{"text":"${"x".repeat(1400)}"}}\n`;
const CHUNK = Buffer.from(`${LINE.length.toString(16)}\r\n${LINE}\r\n`);

const nowMs = systemClock.now();
const issuer = await makeCertificate({ name: "authority", nowMs, days: 1 });
const tls = await makeCertificate({
  ...{ name: "server", hosts: ["127.0.0.1"], issuer, nowMs, days: 1 },
});
const watchers = new Set<Socket>();
const server = createServer(tls, (request, response) => {
  if (request.method === "GET") {
    response.write("{}\n");
    watchers.add(request.socket);
    request.socket.once("close", () => watchers.delete(request.socket));
    return;
  }
  request.resume().once("end", () => {
    for (const watcher of watchers) watcher.write(CHUNK);
    response.end("{}");
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  process.stdout.write(`${JSON.stringify({ port, authority: issuer.cert })}\n`);
});
