import assert from "node:assert/strict";
import { connect } from "node:http2";
import { test } from "node:test";
import type { Fleet } from "./fleet.ts";
import { backendOf, Instance, RawClient, Rig, routeOf } from "./rig.ts";

const HOST = "a.localhost";
const ID = "default/a-1";
const ORIGIN = "https://x.example.com";

test("a preflight is answered without a body, and the next answer is right behind it", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using app = await Instance.start("app");
  await guarded(fleet, app);
  assert(fleet.address !== undefined);
  using client = new RawClient(fleet.address);
  const asks = [`Origin: ${ORIGIN}`, "Access-Control-Request-Method: PUT"];
  client.say("OPTIONS / HTTP/1.1", `Host: ${HOST}`, ...asks, "", "");
  client.say("GET / HTTP/1.1", `Host: ${HOST}`, "", "");
  await client.hears("app");
  const [head = "", next = ""] = client.heard.split("\r\n\r\n");
  assert.equal(head.split("\r\n")[0], "HTTP/1.1 204 No Content");
  assert.doesNotMatch(head, /content-length|content-type|transfer-encoding/i);
  assert.equal(next.split("\r\n")[0], "HTTP/1.1 200 OK");
});

test("a preflight by HTTP/2 is a head that ends its stream", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using app = await Instance.start("app");
  await guarded(fleet, app);
  await using cleanup = new AsyncDisposableStack();
  const session = connect(`http://127.0.0.1:${fleet.address?.port}`);
  cleanup.defer(() => session.destroy());
  const head = { ":method": "OPTIONS", ":path": "/", ":authority": HOST, origin: ORIGIN };
  const stream = session.request({ ...head, "access-control-request-method": "PUT" });
  const { promise, resolve } = Promise.withResolvers<readonly [object, number]>();
  stream.on("response", (headers, flags) => resolve([headers, flags]));
  const [headers, flags] = await promise;
  const END_STREAM = 1;
  assert.equal(flags & END_STREAM, END_STREAM);
  const named = Object.entries(headers).filter(([name]) => name !== "date");
  assert.deepEqual(Object.fromEntries(named), {
    ":status": 204,
    "access-control-allow-origin": ORIGIN,
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    vary: "Origin",
  });
});

async function guarded(fleet: Fleet, app: Instance): Promise<void> {
  await fleet.putBackend(backendOf(ID, [app]));
  await fleet.putRoute({
    ...routeOf(HOST, { [ID]: 100 }),
    guards: { cors: { allowOrigins: [ORIGIN] } },
  });
}
