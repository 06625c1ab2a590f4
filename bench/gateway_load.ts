import { connect } from "node:net";

/**
 * Clients that each ask again as soon as they were answered, on raw sockets. Prints how many were
 * answered with 200, and how many otherwise. A process of `bench/gateway.ts`, without `wrk`.
 */
const [port = "", host = "", clients = "64", seconds = "5"] = process.argv.slice(2);
const REQUEST = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const HEAD_END = "\r\n\r\n";
const until = performance.now() + Number(seconds) * 1000;
let good = 0;
let bad = 0;

function run(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), "127.0.0.1");
    let got = "";
    socket.setNoDelay(true);
    socket.on("connect", () => socket.write(REQUEST));
    socket.on("data", (bytes) => {
      got += bytes.toString("latin1");
      const end = got.indexOf(HEAD_END);
      if (end < 0) return;
      const length = Number(/content-length: *(\d+)/i.exec(got)?.[1] ?? 0);
      if (got.length < end + HEAD_END.length + length) return;
      if (got.startsWith("HTTP/1.1 200")) good += 1;
      else bad += 1;
      got = "";
      if (performance.now() < until) socket.write(REQUEST);
      else socket.end();
    });
    socket.on("error", () => {
      bad += 1;
    });
    socket.on("close", () => resolve());
  });
}

await Promise.all(Array.from({ length: Number(clients) }, run));
console.log(`${good} ${bad}`);
