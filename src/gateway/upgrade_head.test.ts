import assert from "node:assert/strict";
import { test } from "node:test";
import { backendOf, Instance, RawClient, Rig, routeOf } from "./rig.ts";

const ID = "default/chat-00001";
const HOST = "chat.localhost";

test("the head of an upgrade is one that policies have a say in", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using instance = await Instance.start("chat");
  instance.server.on("upgrade", (_, socket) => {
    const own = "Connection: Upgrade\r\nUpgrade: websocket\r\nServer: chat";
    socket.end(`HTTP/1.1 101 X\r\n${own}\r\n\r\nhello`);
  });
  await fleet.putBackend(backendOf(ID, [instance]));
  await fleet.putRoute({
    ...routeOf(HOST, { [ID]: 100 }),
    guards: {
      responseHeaders: { set: { "X-Frame-Options": "DENY" }, remove: ["Server"] },
      hideRevision: true,
      compression: {},
    },
    steering: {
      sticky: {
        ...{ by: "cookie", name: "sid", isIssued: true },
        intervals: [{ backend: ID, from: 0, length: 1000 }],
      },
    },
  });
  assert(fleet.address !== undefined);
  using client = new RawClient(fleet.address);
  const upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Accept-Encoding: gzip"];
  client.say("GET / HTTP/1.1", `Host: ${HOST}`, ...upgrade, "", "");
  await client.hears("hello");
  const [head = "", rest] = client.heard.split("\r\n\r\n");
  const [line, ...headers] = head.split("\r\n");
  const names = headers.map((header) => header.split(":")[0]?.toLowerCase()).sort();
  assert.deepEqual([line, rest], ["HTTP/1.1 101 X", "hello"]);
  assert.deepEqual(names, ["connection", "set-cookie", "upgrade", "x-frame-options"]);
});
