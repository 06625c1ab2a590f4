import assert from "node:assert/strict";
import { connect } from "node:http2";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { metricsText } from "../../base/metrics.ts";
import { backendOf, Instance, Rig, routeOf } from "../rig.ts";

const HOST = "a.localhost";
const [ID, OTHER] = ["default/a-1", "default/a-2"];
const TEXT = "varve ".repeat(500);

test("over HTTP/2 the same rules hold: refusals, edits, compression, sizes, counts", async () => {
  await using rig = new Rig();
  const fleet = await rig.start();
  await using app = await Instance.start("app", (req, res) => {
    req.resume();
    req.on("end", () => {
      res.writeHead(200, { "Content-Type": "text/plain" });
      res.end(`${req.headers["x-added"]} ${TEXT}`);
    });
  });
  await using other = await Instance.start("other");
  await fleet.putBackend(backendOf(ID, [app]));
  await fleet.putBackend(backendOf(OTHER, [other]));
  const to = [{ backend: OTHER, percent: 100 }];
  await fleet.putRoute({
    ...routeOf(HOST, { [ID]: 100 }),
    guards: {
      maxBodyBytes: 10,
      compression: {},
      requestHeaders: { set: { "X-Added": "yes" } },
      redirects: [{ match: { path: "/old" }, path: "/new" }],
    },
    steering: {
      rules: [
        { name: "o", match: { cookies: [{ name: "to" }] }, split: to },
        { name: "h", match: { headers: [{ name: "Host", exact: `${HOST}:81` }] }, split: to },
      ],
    },
  });
  const { host = "", port = 0 } = fleet.address ?? {};
  const session = connect(`http://${host}:${port}`);
  const ask = async (path: string, headers: object = {}, body: readonly string[] = []) => {
    const { promise, resolve, reject } = Promise.withResolvers<[number, Buffer, object]>();
    const method = body.length === 0 ? "GET" : "POST";
    const stream = session.request({
      ...{ ":authority": HOST, ":path": path, ":method": method },
      ...headers,
    });
    const chunks: Buffer[] = [];
    let head: Readonly<Record<string, unknown>> = {};
    stream.on("response", (got) => {
      head = got;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => resolve([Number(head[":status"]), Buffer.concat(chunks), head]));
    for (const piece of body) stream.write(piece);
    stream.end();
    return promise;
  };
  const [code, zipped] = await ask("/", { "accept-encoding": "gzip" });
  assert.deepEqual([code, gunzipSync(zipped).toString()], [200, `yes ${TEXT}`]);
  const [moved, , head] = await ask("/old?x");
  assert.deepEqual(
    [moved, (head as { location?: string }).location],
    [308, `http://${HOST}/new?x`],
  );
  const [large, why] = await ask("/", {}, ["01234567", "01234567"]);
  assert.equal(large, 413);
  assert.match(why.toString(), /at most 10 bytes are taken here/);
  // Each cookie may be a field of its own.
  const [, said] = await ask("/", { cookie: ["a=1", "to=other"] });
  assert.equal(said.toString(), "other");
  const [, told] = await ask("/", { ":authority": `${HOST}:81` });
  assert.equal(told.toString(), "other");
  const [, , there] = await ask("/old", { ":authority": `${HOST}:81` });
  assert.equal((there as { location?: string }).location, `http://${HOST}:81/new`);
  session.close();
  const text = metricsText(await fleet.metrics());
  const labels = 'namespace="default",revision="a-1",code=';
  for (const line of [`${labels}"2xx"} 1\n`, `${labels}"4xx"} 1\n`]) {
    assert(text.includes(line), text);
  }
});
