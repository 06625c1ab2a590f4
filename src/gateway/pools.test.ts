import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";
import { ask, backendOf, Instance, Rig, routeOf, until } from "./rig.ts";

const ID = "default/pooled-00001";
const HOST = "pooled.localhost";

test("connections to an instance are kept, and closed when it is taken out", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  let connections = 0;
  await using a = await Instance.start("a");
  a.server.on("connection", (socket) => {
    connections += 1;
    socket.once("close", () => {
      connections -= 100;
    });
  });
  await fleet.putBackend(backendOf(ID, [a]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  const agent = new Agent({ keepAlive: true });
  for (let at = 0; at < 20; at += 1) await ask(fleet.address, { host: HOST, agent });
  assert.equal(connections, 1);
  await fleet.putBackend({ ...backendOf(ID, [a]), why: "another word, the same instance" });
  await ask(fleet.address, { host: HOST, agent });
  assert.equal(connections, 1);
  await fleet.putBackend(backendOf(ID, []));
  await until("it is closed", () => connections === 1 - 100);
  agent.destroy();
});
