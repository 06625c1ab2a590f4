import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { attend } from "./attendant.ts";
import { Clients } from "./clients.ts";
import { LIMITS, setLimits } from "./limits.ts";
import { until } from "./rig.ts";

test("no client has more connections than it may, nor all of them, on whichever port", async () => {
  const { connectionsMax, connectionsPerClientMax } = LIMITS;
  setLimits({ connectionsMax: 5, connectionsPerClientMax: 2 });
  await using ports = new Ports();
  const [one, other] = [await ports.open(), await ports.open()];
  assert.equal(await ports.visit("127.0.0.1", [one, other, one]), "in, in, out");
  assert.equal(await ports.visit("127.0.0.2", [other, other, one]), "in, in, out");
  assert.equal(await ports.visit("127.0.0.3", [one, other, one]), "in, out, out");
  ports.leave();
  const again = async () => (await ports.visit("127.0.0.3", [one])) === "in";
  await until("there is room again", again);
  setLimits({ connectionsMax, connectionsPerClientMax });
});

/** Ports of this machine that count together, and clients at several of its addresses. */
class Ports implements AsyncDisposable {
  readonly #clients = new Clients();
  readonly #open = new AsyncDisposableStack();
  readonly #visits: Socket[] = [];

  async open(): Promise<number> {
    const clients = this.#clients;
    const buffer = Buffer.alloc(8);
    const server = createServer((socket) => {
      if (!clients.admit(socket)) return;
      attend(socket, { readBuffer: () => buffer, socketRead() {}, socketClosed() {} });
      socket.resume();
      socket.write("in");
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    this.#open.defer(() => void server.close());
    return (server.address() as AddressInfo).port;
  }

  /** Answers with what became of each connection. */
  async visit(localAddress: string, ports: readonly number[]): Promise<string> {
    const fates: string[] = [];
    for (const port of ports) {
      let fate = "";
      const socket = connect({ host: "127.0.0.1", port, localAddress });
      this.#visits.push(socket);
      socket.on("error", () => {}).on("data", (bytes) => (fate = String(bytes)));
      socket.on("close", () => (fate ||= "out"));
      await until(`${localAddress} has been told`, () => fate !== "");
      fates.push(fate);
    }
    return fates.join(", ");
  }

  leave(): void {
    for (const visit of this.#visits.splice(0)) visit.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    await this.#open.disposeAsync();
  }
}
