import assert from "node:assert/strict";
import { test } from "node:test";
import { backendOf, Instance, RawClient, routeOf, until } from "./rig.ts";
import { fleetOfSuite } from "./suite_fleet.ts";

const { address, cleanup, fleet, serve } = await fleetOfSuite();

test("the head of a request does not wait for its body, nor a piece for the next", async () => {
  const seen: string[] = [];
  const host = await serve((req, res) => {
    seen.push("head");
    req.on("data", (chunk) => seen.push(String(chunk)));
    req.on("end", () => res.end("done"));
  });
  using client = new RawClient(address);
  client.say("PUT / HTTP/1.1", `Host: ${host}`, "Content-Length: 6", "", "");
  for (const [at, piece] of ["", "one", "two"].entries()) {
    client.say(piece);
    await until(`"${piece}" is seen`, () => seen.length === at + 1);
  }
  await client.hears("done");
  assert.deepEqual(seen, ["head", "one", "two"]);
});

test("an instance that does not read stops the client, and not the memory", async () => {
  let read = () => {};
  const host = await serve((req) => {
    read = () => void req.resume();
  });
  using client = new RawClient(address);
  client.say("PUT / HTTP/1.1", `Host: ${host}`, "Content-Length: 1000000000", "", "");
  const piece = Buffer.alloc(64 * 1024);
  let sent = 0;
  const more = () => {
    while (sent < 1e9) {
      sent += piece.length;
      if (!client.socket.write(piece)) break;
    }
  };
  client.socket.on("drain", more);
  more();
  let last = -1;
  let same = 0;
  await until("it sends no more", () => {
    same = sent === last ? same + 1 : 0;
    last = sent;
    return same > 50;
  });
  assert(sent < 40e6, `${sent / 1e6} MB were taken`);
  // While nothing is read, nobody notices that the client goes.
  read();
});

test("an answer ahead of the end of the body reaches the client, and it goes on", async () => {
  const host = await serve((req, res) => {
    req.resume();
    res.end("enough");
  });
  using client = new RawClient(address);
  client.say("PUT / HTTP/1.1", `Host: ${host}`, "Content-Length: 3", "", "a");
  await client.hears("enough");
  client.heard = "";
  client.say("bc");
  client.say("GET / HTTP/1.1", `Host: ${host}`, "", "");
  await client.hears("enough");
});

test("who answers amid a body and closes at once is heard, though it is written to", async () => {
  const answer = "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 7\r\n\r\nenough\n";
  let asked = 0;
  const host = await serve((req) => {
    asked += 1;
    // What it has not read by then resets the connection.
    req.once("data", () => {
      req.socket.write(answer);
      req.socket.destroy();
    });
  });
  for (let at = 0; at < 20; at += 1) {
    using client = new RawClient(address);
    client.say("PUT / HTTP/1.1", `Host: ${host}`, "Content-Length: 5000000", "", "");
    client.socket.write(Buffer.alloc(5_000_000));
    await until("it is answered", () => /\r\n\r\n.*\n/s.test(client.heard));
    assert.match(client.heard, /^HTTP\/1\.1 413 .*enough\n$/s);
  }
  assert.equal(asked, 20);
});

test("a client that leaves while its request waits takes it along, body and all", async () => {
  const seen: string[] = [];
  const instance = cleanup.use(
    await Instance.start("late", (req, res) => {
      seen.push(req.url ?? "");
      req.resume().on("end", () => res.end("whole"));
    }),
  );
  await fleet.putBackend(backendOf("default/late", []));
  await fleet.putRoute(routeOf("late.localhost", { "default/late": 100 }));
  const put = (path: string) => {
    const client = new RawClient(address);
    client.say(`PUT ${path} HTTP/1.1`, "Host: late.localhost", "Content-Length: 3", "", "one");
    return client;
  };
  using stays = put("/stays");
  stays.say("GET /behind HTTP/1.1", "Host: late.localhost", "", "");
  using leaves = put("/leaves");
  leaves.socket.end();
  await until("it is seen to leave", () => leaves.isClosed);
  await fleet.putBackend(backendOf("default/late", [instance]));
  await until("both are answered", () => stays.heard.split("whole").length === 3);
  assert.deepEqual(seen, ["/stays", "/behind"]);
});

test("a body for a host that nobody has is let go by, and the connection is usable", async () => {
  using client = new RawClient(address);
  client.say("PUT / HTTP/1.1", "Host: nobody.localhost", "Content-Length: 3", "", "a");
  await client.hears("nobody.localhost");
  client.heard = "";
  client.say("bc");
  client.say("GET / HTTP/1.1", "Host: nobody.localhost", "", "");
  await client.hears("nobody.localhost");
});

test("a client that leaves amid its body ends the request at the instance", async () => {
  const seen: string[] = [];
  const host = await serve((req) => {
    req.on("error", () => seen.push("aborted"));
    req.on("data", (chunk) => seen.push(String(chunk)));
  });
  using client = new RawClient(address);
  client.say("PUT / HTTP/1.1", `Host: ${host}`, "Content-Length: 9", "", "some");
  await until("it is there", () => seen.length === 1);
  client.socket.destroy();
  await until("the instance knows", () => seen.length === 2);
  assert.deepEqual(seen, ["some", "aborted"]);
});
