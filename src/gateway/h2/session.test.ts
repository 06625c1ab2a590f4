import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { type Chance, seededChance, systemChance } from "../../base/chance.ts";
import { systemClock } from "../../base/clock.ts";
import type { DataPlane } from "../data_plane.ts";
import type { Address } from "../front.ts";
import { ask, planeOfTest, routeOf, until } from "../rig.ts";
import * as Code from "./codes.ts";
import { anyBytes, anyCuts } from "./fuzzing.ts";
import {
  block,
  frame,
  type Heard,
  RawPeer,
  request,
  requestFields,
  settings,
  uint32,
  widen,
} from "./raw_peer.ts";
import { PREFACE } from "./upgrade.ts";
import { streamBackend } from "./world.ts";

const cleanup: (() => void)[] = [];
let plane: DataPlane;
let address: Address;
let count = 0;

before(async () => {
  plane = planeOfTest();
  address = await plane.front.listen({ host: "127.0.0.1", port: 0 });
});

after(async () => {
  for (const act of cleanup) act();
  await plane.front.close();
});

type Say = (...frames: readonly Uint8Array[]) => void;
type Hear = (heard: Heard, say: Say, connection: number) => void;

/** A host of its own, of an instance that says frames as it likes. Answers with the host. */
async function serve(hear: Hear, first: Buffer = settings()): Promise<string> {
  let connections = 0;
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const connection = connections;
    connections += 1;
    open.add(socket);
    socket.on("error", () => {});
    socket.write(first);
    const say: Say = (...frames) => void (socket.destroyed || socket.write(Buffer.concat(frames)));
    let all = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      all = Buffer.concat([all, bytes]);
      all = cut(all, (heard) => hear(heard, say, connection));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanup.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  count += 1;
  const [id, host] = [`default/s-${count}`, `s-${count}.localhost`];
  const { port } = server.address() as AddressInfo;
  plane.table.apply({ putBackend: streamBackend(id, port, { timeoutMs: 5_000 }) });
  plane.table.apply({ putRoute: routeOf(host, { [id]: 100 }) });
  return host;
}

/** Takes whole frames off; answers with the rest. */
function cut(bytes: Buffer, take: (heard: Heard) => void): Buffer<ArrayBuffer> {
  let rest = bytes;
  if (rest.subarray(0, PREFACE.length).equals(PREFACE)) rest = rest.subarray(PREFACE.length);
  for (;;) {
    const end = rest.length < 9 ? Infinity : 9 + rest.readUIntBE(0, 3);
    if (rest.length < end) return Buffer.from(rest);
    const [type = 0, flags = 0] = rest.subarray(3, 5);
    take({ type, flags, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
    rest = rest.subarray(end);
  }
}

const { END_STREAM, END_HEADERS } = Code;
const OK = block([":status", "200"]);

function answer(id: number, text: string): Buffer {
  const data = frame(Code.DATA, END_STREAM, id, Buffer.from(text));
  return Buffer.concat([frame(Code.HEADERS, END_HEADERS, id, OK), data]);
}

const UNFIT: readonly { title: string; says: (id: number) => Buffer; cuts?: boolean }[] = [
  { title: "a body without a head", says: (id) => frame(Code.DATA, 0, id, Buffer.from("x")) },
  { title: "a head without a code", says: (id) => frame(Code.HEADERS, 5, id, block(["a", "b"])) },
  {
    title: "a head with a code that is none",
    says: (id) => frame(Code.HEADERS, 5, id, block([":status", "20"])),
  },
  {
    title: "a head with two lengths",
    says: (id) => {
      const lengths = block([":status", "200"], ["content-length", "1"], ["content-length", "2"]);
      return frame(Code.HEADERS, 4, id, lengths);
    },
  },
  {
    title: "a head of HTTP/1.1",
    says: (id) => frame(Code.HEADERS, 4, id, block([":status", "200"], ["connection", "x"])),
  },
  {
    title: "a switch of protocols",
    says: (id) => frame(Code.HEADERS, 4, id, block([":status", "101"])),
  },
  {
    title: "a head ahead of the answer that is its end",
    says: (id) => frame(Code.HEADERS, 5, id, block([":status", "103"])),
  },
  {
    title: "a thousand heads ahead of the answer, and one more",
    says: (id) => {
      const hint = frame(Code.HEADERS, 4, id, block([":status", "103"]));
      return Buffer.concat(Array.from({ length: 1_001 }, () => hint));
    },
  },
  { title: "a promise", says: (id) => frame(Code.PUSH_PROMISE, 4, id, uint32(2)) },
  { title: "a head of nobody's stream", says: () => frame(Code.HEADERS, 5, 9_999, OK) },
  {
    title: "a block that makes no sense",
    says: (id) => frame(Code.HEADERS, 5, id, Buffer.of(128)),
  },
  { title: "a frame that is too large", says: () => frame(99, 0, 0, Buffer.alloc(20_000)) },
  {
    title: "less than it promised",
    says: (id) =>
      Buffer.concat([
        frame(Code.HEADERS, 4, id, block([":status", "200"], ["content-length", "5"])),
        frame(Code.DATA, END_STREAM, id, Buffer.from("half")),
      ]),
    cuts: true,
  },
  {
    title: "trailers that are none",
    says: (id) =>
      Buffer.concat([
        frame(Code.HEADERS, 4, id, OK),
        frame(Code.HEADERS, 5, id, block([":status", "200"])),
      ]),
    cuts: true,
  },
  {
    title: "a reset in the middle",
    says: (id) =>
      Buffer.concat([frame(Code.HEADERS, 4, id, OK), frame(Code.RST_STREAM, 0, id, uint32(0))]),
    cuts: true,
  },
];

for (const { title, says, cuts = false } of UNFIT) {
  test(`an instance of HTTP/2 is not believed that sends ${title}`, async () => {
    const host = await serve(({ type, stream }, say) => {
      if (type === Code.HEADERS) say(says(stream));
    });
    if (!cuts) {
      assert.equal((await ask(address, { host, method: "POST", body: "x" })).code, 502);
      return;
    }
    using peer = new RawPeer(address);
    peer.say(request(1, requestFields(host)));
    await peer.ended(1);
    assert.deepEqual(peer.codes(Code.RST_STREAM, 1), [Code.INTERNAL_ERROR]);
  });
}

test("what an instance has not looked at goes to another session", async () => {
  const host = await serve(({ type, stream }, say, connection) => {
    if (type !== Code.HEADERS) return;
    if (connection === 0) say(frame(Code.GOAWAY, 0, 0, uint32(0, 0)));
    else say(answer(stream, "fine"));
  });
  assert.equal((await ask(address, { host })).body, "fine");
  // Nothing is known of what it did with one that it had begun.
  const other = await serve(({ type, stream }, say) => {
    if (type === Code.HEADERS) say(frame(Code.RST_STREAM, 0, stream, uint32(Code.CANCEL)));
  });
  assert.equal((await ask(address, { host: other, method: "POST" })).code, 502);
});

test("an instance says how many streams it takes, and others get another session", async () => {
  const many = 5;
  const seen = new Map<number, number>();
  const waiting: (() => void)[] = [];
  const hear: Hear = ({ type, stream }, say, connection) => {
    if (type !== Code.HEADERS) return;
    seen.set(connection, (seen.get(connection) ?? 0) + 1);
    waiting.push(() => say(answer(stream, "ok")));
    // The first is asked alone, and the others are all there before one of them is answered.
    const isFirst = seen.size === 1 && stream === 1;
    if (isFirst || waiting.length === many) for (const goOn of waiting.splice(0)) goOn();
  };
  const host = await serve(hear, settings([Code.MAX_CONCURRENT_STREAMS, 2]));
  assert.equal((await ask(address, { host })).body, "ok");
  const bodies = await Promise.all(Array.from({ length: many }, () => ask(address, { host })));
  assert.deepEqual(
    bodies.map(({ body }) => body),
    Array(many).fill("ok"),
  );
  assert.deepEqual(Math.max(...seen.values()), 3);
});

test("a body goes to an instance as far as its windows, and a table of its choice", async () => {
  const hash = createHash("sha256");
  let left = 0;
  const hear: Hear = ({ type, flags, stream, payload }, say) => {
    const isEnd = (flags & END_STREAM) !== 0;
    if (type === Code.HEADERS) left = 1_000;
    if (type === Code.HEADERS && isEnd) say(answer(stream, "ok"));
    if (type !== Code.DATA) return;
    hash.update(payload);
    left -= payload.length;
    assert(left >= 0, "it has sent more than it may");
    if (left === 0) {
      left += 7_000;
      say(widen(stream, 7_000), widen(0, 7_000));
    }
    if (isEnd) say(answer(stream, hash.digest("hex")));
  };
  const host = await serve(hear, settings([4, 1_000], [1, 0]));
  const body = "varve ".repeat(30_000);
  // Then its settings are known.
  assert.equal((await ask(address, { host })).body, "ok");
  const { body: digest } = await ask(address, { host, method: "PUT", body });
  assert.equal(digest, createHash("sha256").update(body).digest("hex"));
});

test("an answer waits for a client that is slower, and is whole", async () => {
  const parts = Array.from({ length: 15 }, (_, at) => Buffer.alloc(16_000, `${at} varve `));
  const sha = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  const host = await serve(({ type, stream }, say) => {
    if (type !== Code.HEADERS) return;
    const body = parts.map((it) => frame(Code.DATA, 0, stream, it));
    say(frame(Code.HEADERS, END_HEADERS, stream, OK), ...body);
    say(frame(Code.HEADERS, 5, stream, block(["x-sum", "1"])));
  });
  using peer = new RawPeer(address, Buffer.concat([PREFACE, settings([4, 10])]));
  peer.say(request(1, requestFields(host)));
  await until("it has begun", () => peer.body(1).length === 10);
  // What is read for others in the meantime goes into the same memory.
  for (let at = 1; at <= 20; at += 1) {
    assert.equal((await ask(address, { host })).raw.length, 240_000);
    peer.say(widen(0, 12_000), widen(1, 12_000));
    await until("more has come", () => peer.body(1).length >= Math.min(240_000, 10 + at * 12_000));
  }
  await peer.ended(1);
  assert.equal(sha(peer.body(1)), sha(Buffer.concat(parts)));
  assert.equal(peer.heads(1).at(-1)?.["x-sum"], "1");
});

test("whatever an instance says, nothing is thrown, and others are served", async () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance: Chance = seededChance(seed);
  const host = await serve(({ type, stream }, say) => {
    if (type !== Code.HEADERS) return;
    const bytes = anyBytes(chance);
    const isGreeting = bytes.subarray(0, PREFACE.length).equals(PREFACE);
    const head = frame(Code.HEADERS, END_HEADERS, stream, OK);
    const begun = chance.fraction() < 0.5 ? head : Buffer.alloc(0);
    const said = Buffer.concat([begun, isGreeting ? bytes.subarray(PREFACE.length) : bytes]);
    for (const piece of anyCuts(said, chance)) say(piece);
  });
  const good = await serve(({ type, stream }, say) => {
    if (type === Code.HEADERS) say(answer(stream, "fine"));
  });
  for (let at = 0; at < 300; at += 1) {
    using peer = new RawPeer(address);
    peer.say(request(1, requestFields(host)));
    await peer.settled();
    await systemClock.sleep(1);
  }
  assert.equal((await ask(address, { host: good })).body, "fine", `seed ${seed}`);
});
