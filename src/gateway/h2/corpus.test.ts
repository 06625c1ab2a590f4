import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DataPlane } from "../data_plane.ts";
import type { Address } from "../front.ts";
import { backendOf, Instance, planeOfTest, routeOf, until } from "../rig.ts";
import * as Code from "./codes.ts";
import { COLD_HOST, GET, HOST, IN_ORDER, OF_CONNECTIONS, OF_STREAMS } from "./corpus.ts";
import { frame, RawPeer, request, requestFields, widen } from "./raw_peer.ts";
import { PREFACE } from "./upgrade.ts";

/** Each reads all of a body before it answers, so that what is wrong comes before the answer. */
let plane: DataPlane;
let address: Address;
let instance: Instance;
let served: string[] = [];

before(async () => {
  plane = planeOfTest();
  instance = await Instance.start("a", (req, res) => {
    let body = "";
    req.on("data", (bytes) => {
      body += bytes;
    });
    req.on("end", () => {
      served.push(`${req.method} ${req.url} ${body}`);
      res.end("fine");
    });
  });
  plane.table.apply({ putBackend: backendOf("default/a", [instance]) });
  plane.table.apply({ putBackend: backendOf("default/cold", []) });
  plane.table.apply({ putRoute: routeOf(COLD_HOST, { "default/cold": 100 }) });
  plane.table.apply({ putRoute: routeOf("a.localhost", { "default/a": 100 }) });
  address = await plane.front.listen({ host: "127.0.0.1", port: 0 });
});

after(async () => {
  await plane.front.close();
  await instance[Symbol.asyncDispose]();
});

for (const { title, says, code } of OF_CONNECTIONS) {
  test(`a connection ends for ${title}`, async () => {
    using peer = new RawPeer(address);
    peer.say(...says);
    await until("it is closed", () => peer.isClosed);
    assert.deepEqual(peer.codes(Code.GOAWAY), [code]);
  });
}

test("a connection ends that begins with something else than SETTINGS", async () => {
  using peer = new RawPeer(address, Buffer.concat([PREFACE, request(1, GET)]));
  await until("it is closed", () => peer.isClosed);
  assert.deepEqual(peer.codes(Code.GOAWAY), [Code.PROTOCOL_ERROR]);
});

for (const { title, says, code } of OF_STREAMS) {
  test(`a stream ends, and no other, for ${title}`, async () => {
    served = [];
    using peer = new RawPeer(address);
    peer.say(...says);
    await peer.ended(1);
    assert.deepEqual(peer.codes(Code.RST_STREAM, 1).slice(0, 1), [code]);
    peer.say(request(9, requestFields(HOST, "GET", "/next")));
    await peer.ended(9);
    assert.equal(peer.body(9).toString(), "fine");
    assert.deepEqual(
      served.filter((it) => it.startsWith("GET / ")),
      [],
    );
  });
}

for (const { title, says, gets } of IN_ORDER) {
  test(`a request is served with ${title}`, async () => {
    served = [];
    using peer = new RawPeer(address);
    peer.say(...says);
    await peer.ended(1);
    assert.deepEqual([peer.body(1).toString(), served], ["fine", [gets]]);
    assert.deepEqual(peer.codes(Code.GOAWAY), []);
  });
}

test("what a client has on its way to a stream that we have ended does no harm", async () => {
  using peer = new RawPeer(address);
  peer.say(request(1, requestFields("none.localhost", "POST"), false));
  await until("it is taken back", () => peer.codes(Code.RST_STREAM, 1).length > 0);
  peer.say(frame(Code.DATA, 0, 1, Buffer.alloc(10_000)), request(1, [["x", "y"]]), widen(1, 9));
  peer.say(request(3, GET));
  await peer.ended(3);
  assert.deepEqual([peer.heads(1)[0]?.[":status"], peer.body(3).toString()], ["404", "fine"]);
});
