import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { seededChance, systemChance } from "../base/chance.ts";
import { Events } from "./events.ts";
import { askStream, connectTo } from "./h2/world.ts";
import { backendOf, Instance, RawClient, Rig, routeOf, until } from "./rig.ts";

const ID = "default/news-00001";
const HOST = "news.localhost";

/** An instance whose events a test sends. */
async function startNews(): Promise<{ instance: Instance; say: (text: string) => void }> {
  const open = new Set<ServerResponse>();
  const instance = await Instance.start("news", (_, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    open.add(res);
    res.once("close", () => open.delete(res));
  });
  const say = (text: string) => {
    for (const res of open) res.write(text);
  };
  return { instance, say };
}

test("events of an instance that is taken out end between two, as if by itself", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ limits: { tunnelDrainMs: 50 } });
  const { instance, say } = await startNews();
  await using _ = instance;
  await using other = await Instance.start("other");
  await fleet.putBackend(backendOf(ID, [instance]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  assert(fleet.address !== undefined);
  using client = new RawClient(fleet.address);
  const asked = ["GET / HTTP/1.1", `Host: ${HOST}`, "", ""];
  client.say(...asked);
  await client.hears("event-stream");
  say("data: 1\n\ndata: 2");
  await client.hears("data: 2");
  await fleet.putBackend(backendOf(ID, [other]));
  say(" goes on");
  await client.hears(" goes on");
  assert(!client.heard.includes("0\r\n\r\n"), "the event that has begun is not broken off");
  say("\n\ndata: 3\n\n");
  await client.hears("0\r\n\r\n");
  assert(!client.heard.includes("data: 3"), "what follows is for another to say");
  await fleet.drained("news", 10_000);
  client.heard = "";
  client.say(...asked);
  await client.hears("other");
});

test("events end with their worker as well, by either protocol", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ limits: { tunnelDrainMs: 50, farewellMs: 50 } });
  const { instance, say } = await startNews();
  await using _ = instance;
  await fleet.putBackend(backendOf(ID, [instance]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  assert(fleet.address !== undefined);
  using client = new RawClient(fleet.address);
  client.say("GET / HTTP/1.1", `Host: ${HOST}`, "", "");
  const session = connectTo(fleet.address);
  let heard = "";
  const hear = (text: string) => {
    heard += text;
  };
  const streamed = askStream(session, { host: HOST, heard: hear });
  await until("both are served", () => {
    say("data: 1\n\n");
    return client.heard.includes("data: 1") && heard.includes("data: 1");
  });
  const replaced = fleet.replaceWorkers();
  await client.hears("0\r\n\r\n");
  const { code, body } = await streamed;
  assert.deepEqual([code, body.replaceAll("data: 1\n\n", "")], [200, ""]);
  await replaced;
  session.destroy();
});

test("the end of an event is found, however its bytes come and its lines end", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  const any = <T>(some: readonly T[]) => some[Math.floor(chance.fraction() * some.length)] as T;
  for (let round = 0; round < 500; round += 1) {
    const end = any(["\n", "\r\n", "\r"]);
    const before = `${any(["", `data: 1${end}${end}`])}data: 2${any(["", end])}`;
    const after = `${before.endsWith(end) ? "" : end}${end}`;
    const events = new Events();
    for (const piece of cut(before, chance.fraction())) {
      assert.equal(events.feed(piece, 0, piece.length), -1, `seed ${seed}`);
    }
    assert.equal(events.isBetween, false, `seed ${seed}: ${JSON.stringify(before)}`);
    events.isEnding = true;
    const rest = Buffer.from(`${after}data: 3`);
    // Of the last two letters, the second belongs to the first and comes too late.
    const expected = end === "\r\n" ? after.length - 1 : after.length;
    assert.equal(events.feed(rest, 0, rest.length), expected, `seed ${seed}`);
  }
});

function cut(text: string, share: number): readonly Buffer[] {
  const at = Math.floor(text.length * share);
  return [text.slice(0, at), text.slice(at)].map((it) => Buffer.from(it));
}
