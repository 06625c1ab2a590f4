import assert from "node:assert/strict";
import { test } from "node:test";
import { WorldClock } from "../../test/world/world_clock.ts";
import { makeBackend, makeEndpoint } from "./backend.ts";
import { Hold } from "./hold.ts";
import { Mirrors } from "./mirrors.ts";
import { Instance, LIMITS_OF_TESTS, until } from "./rig.ts";
import { Seats } from "./seats.ts";
import { CELL } from "./tally.ts";

const OUTGOING = {
  ...{ method: "GET", target: "/events", authority: "a.localhost", text: "" },
  ...{ hasBody: false, isChunked: false, upgrade: undefined, headers: () => ["Host", "a"] },
};

test("a copy whose answer has no end is cut, and its place is free again", async () => {
  const clock = new WorldClock();
  let open = 0;
  await using instance = await Instance.start("one", (_, res) => {
    open += 1;
    res.on("close", () => {
      open -= 1;
    });
    res.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: 1\n\n");
  });
  const hold = new Hold({ clock, waiting: () => {}, woke: () => {}, emptied: () => {} });
  const mirrors = new Mirrors({ clock, seats: new Seats({ clock, hold }) });
  const backend = makeBackend("default/a-2", LIMITS_OF_TESTS);
  const endpoint = makeEndpoint(instance.endpoint, backend);
  backend.endpoints = [endpoint];
  mirrors.begin(backend, OUTGOING);
  await until("the copy is under way", () => open === 1 && endpoint.open === 1);
  clock.pass(60);
  await until("the copy has ended", () => open === 0 && endpoint.open === 0);
  assert.equal(backend.tally[CELL.mirrored], 1);
  assert.equal(backend.tally[CELL.mirrorsDropped], 0);
});
