import assert from "node:assert/strict";
import { type ClientHttp2Session, connect, sensitiveHeaders } from "node:http2";
import { after, before, test } from "node:test";
import { type Chance, seededChance, systemChance } from "../../base/chance.ts";
import type { Fleet } from "../fleet.ts";
import { backendOf, Instance, Rig, routeOf } from "../rig.ts";

const ROUNDS = 600;
const HOST = "a.localhost";
const rig = new Rig();
let fleet: Fleet;
let instance: Instance;
let seen: readonly string[] = [];
let answer: readonly string[] = [];

before(async () => {
  fleet = await rig.start();
  instance = await Instance.start("a", (req, res) => {
    seen = req.rawHeaders;
    res.writeHead(200, [...answer]);
    res.end("ok");
  });
  await fleet.putBackend(backendOf("default/a", [instance]));
  await fleet.putRoute(routeOf(HOST, { "default/a": 100 }));
});

after(async () => {
  await rig[Symbol.asyncDispose]();
  await instance[Symbol.asyncDispose]();
});

/** All bytes that a value may have; blanks only where they are not at an end. */
const BYTES = String.fromCharCode(
  ...Array.from({ length: 256 }, (_, at) => at).filter((it) => it > 32 && it !== 127),
);
const TOKENS = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

/** Some of them again and again, so that the tables have something to do; some large. */
function anyFields(chance: Chance): string[] {
  const any = (count: number) => Math.floor(chance.fraction() * count);
  const text = (length: number, of: string) =>
    Array.from({ length }, () => of[any(of.length)] ?? "").join("");
  const flat: string[] = [];
  for (let left = any(14); left > 0; left -= 1) {
    const isKnown = any(3) > 0;
    const name = isKnown ? `x-known-${any(20)}` : `x${text(any(20), TOKENS)}`;
    const blank = any(2) === 0 ? " " : "\t";
    const rest = 1 + any(any(8) === 0 ? 1_500 : 9);
    const long = `${text(1 + any(30), BYTES)}${blank}${text(rest, BYTES)}`;
    flat.push(name, isKnown && any(2) === 0 ? "again" : any(9) === 0 ? "" : long);
  }
  return flat;
}

function pairsOf(flat: readonly string[]): readonly string[] {
  const pairs: string[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    if (flat[at]?.startsWith("x") === true && !/^x-forwarded/i.test(flat[at] ?? "")) {
      pairs.push(`${flat[at]}: ${flat[at + 1]}`);
    }
  }
  return pairs;
}

function asked(session: ClientHttp2Session, fields: string[]): Promise<readonly string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const all = [":method", "GET", ":path", "/", ":scheme", "http", ":authority", HOST, ...fields];
  const secret = { [sensitiveHeaders]: fields.length > 0 ? [fields[0] ?? ""] : [] };
  const stream = session.request(Object.assign(all, secret), { endStream: true });
  let head: readonly string[] = [];
  stream.on("response", (_headers, _flags, raw: readonly string[] = []) => {
    head = raw;
  });
  stream.on("error", reject);
  stream.on("close", () => resolve(head));
  stream.resume();
  return promise;
}

test("heads are read and written as Node's own HTTP/2 writes and reads them", async (t) => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  const { host = "", port = 0 } = fleet.address ?? {};
  for (const headerTableSize of [4_096, 0, 300]) {
    const session = connect(`http://${host}:${port}`, { settings: { headerTableSize } });
    t.after(() => session.destroy());
    for (let round = 0; round < ROUNDS / 3; round += 1) {
      const where = `seed ${seed}, table ${headerTableSize}, round ${round}`;
      const fields = anyFields(chance);
      answer = anyFields(chance);
      const head = await asked(session, [...fields]);
      assert.deepEqual(pairsOf(seen), pairsOf(fields), where);
      assert.deepEqual(pairsOf(head), pairsOf(answer), where);
    }
  }
});
