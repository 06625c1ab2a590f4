import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Fleet } from "../fleet.ts";
import type { Address } from "../front.ts";
import { backendOf, Instance, RawClient, Rig, routeOf, until } from "../rig.ts";
import { CORPUS } from "./corpus.ts";

const ID = "default/target-00001";
const HOST = "h.test";

const rig = new Rig();
const cleanup = new AsyncDisposableStack();
const seen: string[] = [];
let fleet: Fleet;
let address: Address;

before(async () => {
  fleet = await rig.start();
  const instance = await Instance.start("target", (req, res) => {
    let body = "";
    req.on("data", (chunk) => {
      body += chunk;
    });
    req.on("end", () => {
      seen.push(`${req.method} ${req.url} ${body}`.trim());
      res.end("ok");
    });
    // A body that breaks off was not seen as a whole.
    req.on("error", () => {});
  });
  cleanup.use(instance);
  await fleet.putBackend(backendOf(ID, [instance]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  assert(fleet.address !== undefined);
  address = fleet.address;
});

after(async () => {
  await rig[Symbol.asyncDispose]();
  await cleanup[Symbol.asyncDispose]();
});

test("there are at least 150 ways to lie about where a request ends", () => {
  assert(CORPUS.length >= 150);
  assert.equal(new Set(CORPUS.map(({ title }) => title)).size, CORPUS.length);
});

for (const { title, sent, codes, seen: expected } of CORPUS) {
  const what = codes.length === 1 ? `refused with ${codes[0]}` : "served, and the next as well";
  test(`${what}: ${title}`, async () => {
    seen.length = 0;
    using client = new RawClient(address);
    client.socket.write(sent, "latin1");
    const isRefused = codes.length === 1;
    const answers = () => [...client.heard.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code);
    await until(`it is answered: ${JSON.stringify(client.heard)}`, () =>
      isRefused ? client.isClosed : answers().length >= codes.length,
    );
    const told = expected.map((one) => one.trim());
    assert.deepEqual([answers().map(Number), seen], [codes, told], client.heard);
  });
}
