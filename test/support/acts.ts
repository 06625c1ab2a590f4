import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { type Act, send, textOf } from "./steady_load.ts";

/** An app that takes all of these requests, as a script for Node; "/" tells its version. */
export function serverOf(version: number): string {
  return `
const { createHash } = require("node:crypto");
const server = require("node:http").createServer((request, answer) => {
  if (request.url === "/stream") {
    let left = ${STREAM_LINES};
    const timer = setInterval(() => {
      answer.write("line\\n");
      left -= 1;
      if (left > 0) return;
      clearInterval(timer);
      answer.end("end\\n");
    }, ${STREAM_PAUSE_MS});
    return;
  }
  if (request.url !== "/upload") return answer.end("version ${version}");
  const hash = createHash("sha256");
  request.on("data", (bytes) => hash.update(bytes)).on("end", () => answer.end(hash.digest("hex")));
});
server.on("upgrade", (request, socket) => {
  const key = request.headers["sec-websocket-key"] + "${GUID}";
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\n" +
    "Connection: Upgrade\\r\\nSec-WebSocket-Accept: " + accept + "\\r\\n\\r\\n");
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    for (let at = 0; at + 6 <= bytes.length; ) {
      const length = bytes[at + 1] & 127;
      const mask = bytes.subarray(at + 2, at + 6);
      const data = bytes.subarray(at + 6, at + 6 + length).map((it, index) => it ^ mask[index % 4]);
      const head = Buffer.from([bytes[at], length]);
      if ((bytes[at] & 15) === 8) return socket.end(Buffer.concat([head, data]));
      socket.write(Buffer.concat([head, data]));
      at += 6 + length;
    }
  });
});
server.listen(process.env.PORT);
`;
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const STREAM_LINES = 15;
const STREAM_PAUSE_MS = 100;
const UPLOAD_BYTES_MAX = 512 * 1024;
const ECHOES = 10;
const ECHO_PAUSE_MS = 150;
const TEXT = 0x81;
const CLOSE = 0x88;
const GOING_AWAY = 1001;

/** An answer that comes line by line, and has to be whole. */
export const stream: Act = async (target) => {
  const { sent, answer } = send(target, { path: "/stream" });
  sent.end();
  const body = await textOf(await answer);
  if (body !== `${"line\n".repeat(STREAM_LINES)}end\n`)
    throw new Error(`cut: ${body.length} bytes`);
  return "stream";
};

/** A body in chunks, of which the digest comes back. */
export const upload: Act = async (target) => {
  const { sent, answer } = send(target, { path: "/upload", method: "POST" });
  const body = randomBytes(1 + Math.floor(Math.random() * UPLOAD_BYTES_MAX));
  for (let at = 0; at < body.length; at += 64 * 1024) sent.write(body.subarray(at, at + 64 * 1024));
  sent.end();
  const said = await textOf(await answer);
  if (said !== createHash("sha256").update(body).digest("hex"))
    throw new Error(`arrived as ${said}`);
  return "upload";
};

/** A WebSocket on which all that is said comes back, until one side says that it is enough. */
export const webSocket: Act = async (target) => {
  const headers = {
    ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };
  const { sent, answer } = send(target, { path: "/socket", headers, agent: false });
  const upgraded = new Promise<Socket>((resolve) => {
    sent.on("upgrade", (_, socket: Socket) => resolve(socket));
  });
  sent.end();
  const refused = answer.then(async (it) => {
    throw new Error(`no upgrade: ${it.statusCode}: ${await textOf(it)}`);
  });
  return await echoed(await Promise.race([upgraded, refused]));
};

/** Says something so often, and hears it; then both say goodbye. */
async function echoed(socket: Socket): Promise<string> {
  let heard = Buffer.alloc(0);
  const { promise: over, resolve, reject } = Promise.withResolvers<string>();
  let said = 0;
  const say = () => {
    said += 1;
    if (said <= ECHOES) socket.write(frame(TEXT, Buffer.from(`echo ${said}`)));
    else socket.write(frame(CLOSE, Buffer.from([0x03, 0xe8])));
  };
  const timer = setInterval(say, ECHO_PAUSE_MS);
  socket.on("data", (bytes: Buffer) => {
    heard = Buffer.concat([heard, bytes]);
    if (heard.at(-4) !== CLOSE) return;
    const isSentAway = heard.readUInt16BE(heard.length - 2) === GOING_AWAY;
    const echoes = heard.toString("latin1").match(/echo \d+/g)?.length ?? 0;
    if (isSentAway || echoes === ECHOES) resolve(isSentAway ? "webSocket, sent away" : "webSocket");
    else reject(new Error(`${echoes} of ${ECHOES} came back`));
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the WebSocket broke off without goodbye")));
  return await over.finally(() => {
    clearInterval(timer);
    socket.destroy();
  });
}

/** A short frame of a client: masked, as clients must. */
function frame(first: number, data: Buffer): Buffer {
  const mask = randomBytes(4);
  const masked = data.map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return Buffer.concat([Buffer.from([first, 0x80 | data.length]), mask, masked]);
}
