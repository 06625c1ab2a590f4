import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { HOST, installed, memoryKb, type Peer, startOurs } from "./gateway_peers.ts";
import { claim, rounded } from "./report.ts";

/**
 * Claim: 100 MB go up and down at 0.8 of the rate of nginx or more, and the gateway's memory stays
 * as it was.
 */
const BYTES = 100 * 1024 * 1024;
const PIECE = Buffer.alloc(256 * 1024, "x");
const ROUNDS = 3;
const MIB = 1024 * 1024;

await using stack = new AsyncDisposableStack();
const port = await startUpstream();
const peers: Peer[] = [stack.use(await startOurs([port, port]))];
const nginx = installed().find(([name]) => name === "nginx");
if (nginx === undefined) claim("gateway_bodies", "nginx is not installed: there are no ratios");
else peers.push(stack.use(await nginx[1]([port, port])));
await compareBodies();

async function startUpstream(): Promise<number> {
  const server = createServer((req, res) => {
    req.resume().on("end", () => {
      if (req.method === "POST" || req.url !== "/big") {
        res.end("ok");
        return;
      }
      res.writeHead(200, { "content-length": BYTES });
      let left = BYTES;
      const more = () => {
        while (left > 0) {
          left -= PIECE.length;
          if (!res.write(PIECE)) break;
        }
        if (left <= 0) res.end();
      };
      res.on("drain", more);
      more();
    });
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function compareBodies(): Promise<void> {
  const best = new Map<string, number>();
  const before = new Map(peers.map(({ name, pids }) => [name, memoryKb(pids)]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const peer of peers) {
      for (const way of ["down", "up"] as const) {
        const rate = await transfer(peer.port, way);
        const key = `${peer.name} ${way}`;
        best.set(key, Math.max(best.get(key) ?? 0, rate));
      }
    }
  }
  for (const [key, rate] of best) claim("gateway_bodies", `${key}: ${rounded(rate / MIB)} MiB/s`);
  for (const way of ["down", "up"]) {
    const [ours = 0, theirs] = peers.map(({ name }) => best.get(`${name} ${way}`) ?? 0);
    if (theirs === undefined) continue;
    claim("gateway_bodies", `100 MB ${way}: ${(ours / theirs).toFixed(2)} x nginx (budget 0.8 x)`);
  }
  for (const { name, pids } of peers) {
    const grown = (memoryKb(pids) - (before.get(name) ?? 0)) / 1024;
    claim(
      "gateway_bodies",
      `${name}: memory after ${ROUNDS * 2} x 100 MB: ${grown.toFixed(1)} MiB more`,
    );
  }
}

/** Bytes a second of one body. */
async function transfer(to: number, way: "down" | "up"): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ port: to, host: "127.0.0.1" });
  const began = performance.now();
  let got = 0;
  socket.on("error", reject);
  socket.on("data", (bytes: Buffer) => {
    got += bytes.length;
    const isWhole = way === "down" ? got >= BYTES : bytes.includes("ok");
    if (isWhole) resolve();
  });
  if (way === "down") socket.write(`GET /big HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  else send(socket);
  await promise;
  socket.destroy();
  return (BYTES / (performance.now() - began)) * 1000;
}

function send(socket: ReturnType<typeof connect>): void {
  socket.write(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${BYTES}\r\n\r\n`);
  let left = BYTES;
  const more = () => {
    while (left > 0) {
      left -= PIECE.length;
      if (!socket.write(PIECE)) break;
    }
  };
  socket.on("drain", more);
  more();
}
