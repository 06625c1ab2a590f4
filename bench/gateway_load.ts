import { connect } from "node:net";

/**
 * Clients that each ask again as soon as they were answered, on raw sockets; a host with "#" in it
 * stands for so many, asked one after the other. Prints how many were answered with 200, and how
 * many otherwise. A process of `bench/gateway.ts`, without `wrk`.
 */
const [port = "", host = "", clients = "64", seconds = "5", hosts = "1"] = process.argv.slice(2);
let asked = 0;

function request(): string {
  asked += 1;
  return `GET / HTTP/1.1\r\nHost: ${host.replace("#", String(asked % Number(hosts)))}\r\n\r\n`;
}

const HEAD_END = "\r\n\r\n";
const until = performance.now() + Number(seconds) * 1000;
let good = 0;
let bad = 0;

function run(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), "127.0.0.1");
    let got = "";
    socket.setNoDelay(true);
    socket.on("connect", () => socket.write(request()));
    socket.on("data", (bytes) => {
      got += bytes.toString("latin1");
      const end = got.indexOf(HEAD_END);
      if (end < 0) return;
      const length = Number(/content-length: *(\d+)/i.exec(got)?.[1] ?? 0);
      if (got.length < end + HEAD_END.length + length) return;
      if (got.startsWith("HTTP/1.1 200")) good += 1;
      else bad += 1;
      got = "";
      if (performance.now() < until) socket.write(request());
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
