import { createServer } from "node:net";

/**
 * As little of an HTTP server as can be, so that the gateway is what is measured: one answer for
 * each head, on as many ports as asked for. Prints the ports. A process of `bench/gateway.ts`, and
 * ends with it.
 */
const [count = "1"] = process.argv.slice(2);
const ANSWER =
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
const END = "\r\n\r\n";

async function listen(): Promise<number> {
  const server = createServer((socket) => {
    let rest = "";
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const heads = (rest + bytes.toString("latin1")).split(END);
      rest = heads.pop() ?? "";
      if (heads.length > 0) socket.write(ANSWER.repeat(heads.length));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const ports = await Promise.all(Array.from({ length: Number(count) }, listen));
console.log(ports.join(" "));
process.stdin.resume().on("end", () => process.exit());
