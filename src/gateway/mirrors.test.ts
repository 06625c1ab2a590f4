import assert from "node:assert/strict";
import { test } from "node:test";
import { WorldClock } from "../../test/world/world_clock.ts";
import { type Backend, makeBackend, makeEndpoint } from "./backend.ts";
import { makeFrontCounts } from "./front_counts.ts";
import { Hold } from "./hold.ts";
import { staysTold, takeLoad } from "./load.ts";
import { Mirrors } from "./mirrors.ts";
import { Instance, LIMITS_OF_TESTS, until } from "./rig.ts";
import { Seats } from "./seats.ts";
import { sightingOf } from "./sight.ts";
import { CELL } from "./tally.ts";

const OUTGOING = {
  ...{ method: "GET", target: "/events", authority: "a.localhost", text: "" },
  ...{ hasBody: false, isChunked: false, upgrade: undefined, headers: () => ["Host", "a"] },
};

const EVENT = `data: ${" ".repeat(1024 * 1024)}\n\n`;

test("a copy is load of the revision it goes to, from its wait to its end", async () => {
  const clock = new WorldClock();
  const answers: (() => void)[] = [];
  await using instance = await Instance.start("one", (_, res) => {
    answers.push(() => res.end());
  });
  const hold = new Hold({ clock, waiting: () => {}, woke: () => {}, emptied: () => {} });
  const mirrors = new Mirrors({ clock, seats: new Seats({ clock, hold }) });
  const told: Backend[] = [];
  const backend = makeBackend("default/a-2", LIMITS_OF_TESTS, told);
  const seen = () => {
    const [{ inFlight, queued } = {}] = sightingOf([backend], makeFrontCounts()).backends;
    return { inFlight, queued, load: takeLoad(backend, clock.elapsed()), isTold: told.length > 0 };
  };
  mirrors.begin(backend, OUTGOING);
  clock.pass(2);
  const load = { backend: "default/a-2", busyMs: 2000, requests: 1 };
  assert.deepEqual(seen(), { inFlight: 1, queued: 1, load, isTold: true });
  backend.endpoints = [makeEndpoint(instance.endpoint, backend)];
  hold.serveNext(backend);
  await until("the copy is under way", () => answers.length === 1);
  clock.pass(1);
  const more = { ...load, busyMs: 1000, requests: 0 };
  assert.deepEqual(seen(), { inFlight: 1, queued: 0, load: more, isTold: true });
  answers[0]?.();
  await until("it is over", () => !staysTold(backend));
  assert.deepEqual([seen().inFlight, seen().load], [0, undefined]);
  mirrors.begin(backend, { ...OUTGOING, hasBody: true })?.abandon();
  assert.equal(seen().load, undefined, "what was never whole was no load");
});

test("a copy whose answer has no end is cut, and its place is free again", async () => {
  const clock = new WorldClock();
  let open = 0;
  // Far more than kernels keep: when all is taken, the answer has begun over there.
  let left = 32;
  await using instance = await Instance.start("one", (_, res) => {
    open += 1;
    res.on("close", () => {
      open -= 1;
    });
    res.writeHead(200, { "Content-Type": "text/event-stream" });
    const more = () => {
      left -= 1;
      const isTaken = res.write(EVENT);
      if (left > 0 && isTaken) more();
      else if (left > 0) res.once("drain", more);
    };
    more();
  });
  const hold = new Hold({ clock, waiting: () => {}, woke: () => {}, emptied: () => {} });
  const mirrors = new Mirrors({ clock, seats: new Seats({ clock, hold }) });
  const backend = makeBackend("default/a-2", LIMITS_OF_TESTS);
  const endpoint = makeEndpoint(instance.endpoint, backend);
  backend.endpoints = [endpoint];
  mirrors.begin(backend, OUTGOING);
  await until("the copy is under way", () => left === 0 && endpoint.open === 1);
  clock.pass(60);
  await until("the copy has ended", () => open === 0 && endpoint.open === 0);
  assert.equal(backend.tally[CELL.mirrored], 1);
  assert.equal(backend.tally[CELL.mirrorsDropped], 0);
});
