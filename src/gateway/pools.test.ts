import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";
import { ask, backendOf, type Handler, Instance, RawClient, Rig, routeOf, until } from "./rig.ts";

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

test("an instance that breaks connections is left alone while another answers", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  let broken = 0;
  await using bad = await Instance.start("bad", (req) => {
    broken += 1;
    req.socket.destroy();
  });
  await using good = await Instance.start("good");
  await fleet.putBackend(backendOf(ID, [bad, good]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  const replies = [];
  for (let at = 0; at < 40; at += 1) {
    replies.push(await ask(fleet.address, { host: HOST, method: "POST" }));
  }
  // Each answered or broken by one of them, in turn: five are enough to know.
  assert.equal(replies.filter(({ code }) => code === 502).length, broken);
  assert(broken >= 5 && broken <= 8, `${broken} were broken`);
});

test("a new instance beside others is given more from moment to moment", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ limits: { slowStartMs: 700 } });
  const open = { old: 0, new: 0 };
  const holding = (name: "old" | "new"): Handler => {
    return (_, res) => {
      open[name] += 1;
      res.once("close", () => {
        open[name] -= 1;
      });
    };
  };
  await using old = await Instance.start("old", holding("old"));
  await using young = await Instance.start("new", holding("new"));
  await fleet.putBackend(backendOf(ID, [old], { timeoutMs: 5_000 }));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  await fleet.putBackend(backendOf(ID, [old, young], { timeoutMs: 5_000 }));
  assert(fleet.address !== undefined);
  const clients: RawClient[] = [];
  for (let at = 0; at < 40; at += 1) {
    const client = new RawClient(fleet.address);
    clients.push(client);
    client.say("GET / HTTP/1.1", `Host: ${HOST}`, "", "");
  }
  await until("all are served", () => open.old + open.new === 40);
  assert(open.new < open.old, `${open.new} of the new one, ${open.old} of the old one`);
  for (const client of clients) client[Symbol.dispose]();
});
