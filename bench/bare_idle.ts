/**
 * What connections cost without any of Varve: a server of Node's own that says one and the same to
 * whatever comes, and keeps nothing. Started by `gateway_idle.ts` as a process of its own.
 */
import { createServer } from "node:net";

const ANSWER = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

const server = createServer((socket) => {
  socket.on("data", () => socket.write(ANSWER));
  socket.on("error", () => {});
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
