import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, seededChance, systemChance } from "../../base/chance.ts";
import { LIMITS } from "../limits.ts";
import { Decoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";

type Pairs = readonly (readonly [string, string])[];

function decoded(decoder: Decoder, hex: string): Pairs | undefined {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  if (!decoder.read(bytes, 0, bytes.length)) return undefined;
  return decoder.take().map(({ name, value }) => [name, value] as const);
}

const ONE: Pairs = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const REQUESTS: readonly Pairs[] = [
  ONE,
  [...ONE, ["cache-control", "no-cache"]],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];
const dateOf = (second: number): Pairs => [["date", `Mon, 21 Oct 2013 20:13:${second} GMT`]];
const LOCATION: Pairs = [["location", "https://www.example.com"]];
const PRIVATE: Pairs = [["cache-control", "private"]];
const COOKIE = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const ANSWERS: readonly Pairs[] = [
  [[":status", "302"], ...PRIVATE, ...dateOf(21), ...LOCATION],
  [[":status", "307"], ...PRIVATE, ...dateOf(21), ...LOCATION],
  [
    ...([[":status", "200"], ...PRIVATE, ...dateOf(22), ...LOCATION] as Pairs),
    ["content-encoding", "gzip"],
    ["set-cookie", COOKIE],
  ],
];

/** A table of 256 bytes, as the examples of answers have it: said in front of the first. */
const SMALL = "3f e1 01";

const EXAMPLES: readonly { title: string; blocks: readonly string[]; heads: readonly Pairs[] }[] = [
  {
    title: "C.2.1: a literal that enters the table",
    blocks: ["40 0a 637573746f6d2d6b6579 0d 637573746f6d2d686561646572"],
    heads: [[["custom-key", "custom-header"]]],
  },
  {
    title: "C.2.2: a literal that does not",
    blocks: ["04 0c 2f73616d706c652f70617468"],
    heads: [[[":path", "/sample/path"]]],
  },
  {
    title: "C.2.3: a literal that never may",
    blocks: ["10 08 70617373776f7264 06 736563726574"],
    heads: [[["password", "secret"]]],
  },
  { title: "C.2.4: an index", blocks: ["82"], heads: [[[":method", "GET"]]] },
  {
    title: "C.3: requests",
    blocks: [
      "828684 41 0f 7777772e6578616d706c652e636f6d",
      "828684be 58 08 6e6f2d6361636865",
      "828785bf 40 0a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565",
    ],
    heads: REQUESTS,
  },
  {
    title: "C.4: requests, coded",
    blocks: [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
    heads: REQUESTS,
  },
  {
    title: "C.5: answers, which do not all fit into the table",
    blocks: [
      `${SMALL} 48 03 333032 58 07 70726976617465 61 1d 4d6f6e2c203231204f637420323031332032303a` +
        "31333a323120474d54 6e 17 68747470733a2f2f7777772e6578616d706c652e636f6d",
      "48 03 333037 c1 c0 bf",
      "88 c1 61 1d 4d6f6e2c203231204f637420323031332032303a31333a323220474d54 c0 5a 04 677a6970" +
        "77 38 666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d" +
        "333630303b2076657273696f6e3d31",
    ],
    heads: ANSWERS,
  },
  {
    title: "C.6: answers, coded",
    blocks: [
      `${SMALL} 4882640258 85aec3771a4b 6196d07abe941054d444a8200595040b8166e082a62d1bff` +
        "6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335" +
        "dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
    heads: ANSWERS,
  },
];

for (const { title, blocks, heads } of EXAMPLES) {
  test(`the examples of RFC 7541 are read as it says: ${title}`, () => {
    const decoder = new Decoder();
    assert.deepEqual(
      blocks.map((hex) => decoded(decoder, hex)),
      heads,
    );
  });
}

const SENSELESS = [
  { title: "an index of zero", hex: "80" },
  { title: "an index beyond both tables", hex: "be" },
  { title: "a name beyond both tables", hex: "7f 00 01 61" },
  { title: "an integer that does not end", hex: "ff ff ff ff ff ff ff ff 7f" },
  { title: "an integer that is cut", hex: "ff 80" },
  { title: "a text that is longer than the block", hex: "00 05 61" },
  { title: "a value that is missing", hex: "00 01 61" },
  { title: "a table larger than ours", hex: "3f e2 1f" },
  { title: "a size of the table behind a field", hex: "82 20" },
  { title: "padding of a whole byte", hex: "00 01 61 82 1f ff" },
  { title: "padding of zeros", hex: "00 01 61 81 18" },
  { title: "the code of the end", hex: "00 01 61 84 ff ff ff ff" },
];

for (const { title, hex } of SENSELESS) {
  test(`a block makes no sense with ${title}`, () => {
    assert.equal(decoded(new Decoder(), hex), undefined);
  });
}

test("a block that ends anywhere else than it should makes no sense, or less", () => {
  for (const { blocks } of EXAMPLES) {
    const whole = Buffer.from((blocks[0] ?? "").replaceAll(" ", ""), "hex");
    const all = decoded(new Decoder(), whole.toString("hex")) ?? [];
    for (let end = 0; end < whole.length; end += 1) {
      const some = decoded(new Decoder(), whole.toString("hex", 0, end)) ?? [];
      assert.deepEqual(some, all.slice(0, some.length));
      assert(some.length < all.length);
    }
  }
});

test("a field that stands for many is counted, and not made", () => {
  const decoder = new Decoder();
  const long = `40 01 78 7f a1 1e ${"76".repeat(4000)}`;
  const head = decoded(decoder, long + "be".repeat(4000)) ?? [];
  assert(decoder.isTooLarge);
  assert(head.length < LIMITS.headBytesMax / 4000);
  // The table is what it would be without the limit.
  assert.equal(decoded(decoder, "be")?.[0]?.[1].length, 4000);
});

const LETTERS = "abcdefghijklmnopqrstuvwxyz-0123456789";

function anyText(chance: Chance, length: number, letters: string): string {
  const any = () => letters[Math.floor(chance.fraction() * letters.length)] ?? "";
  return Array.from({ length: Math.floor(chance.fraction() * length) }, any).join("");
}

test("what is written is read again, whatever the tables have to forget", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  const any = (count: number) => Math.floor(chance.fraction() * count);
  const names = ["content-type", "set-cookie", "date", "x-a", "etag", "server", "x-b-long-name"];
  const [encoder, decoder] = [new Encoder(), new Decoder()];
  for (let round = 0; round < 3_000; round += 1) {
    if (any(20) === 0) encoder.allow(any(3) === 0 ? 0 : any(5_000));
    const code = [200, 204, 304, 404, 503, 418][any(6)] ?? 200;
    const fields = Array.from({ length: any(12) }, (): readonly [string, string] => {
      const name = any(4) === 0 ? `x${anyText(chance, 20, LETTERS)}` : (names[any(7)] ?? "");
      return [name, anyText(chance, any(10) === 0 ? 3_000 : 12, any(2) === 0 ? "ab" : LETTERS)];
    });
    const out = Buffer.alloc(40_000);
    encoder.begin(out, 3);
    encoder.status(code);
    for (const [name, value] of fields) {
      const bytes = Buffer.from(name.toUpperCase() + value, "latin1");
      encoder.field(bytes, 0, name.length, name.length, bytes.length);
    }
    assert(decoder.read(out, 3, encoder.at), `seed ${seed}, round ${round}`);
    const read = decoder.take().map(({ name, value }) => [name, value] as const);
    const all = [[":status", String(code)] as const, ...fields];
    if (!decoder.isTooLarge) assert.deepEqual(read, all, `seed ${seed}, round ${round}`);
  }
});

test("a field is a byte from the third time on, and never where it is a secret", () => {
  const encoder = new Encoder();
  const lengths = ["Server: a server of some kind", "Set-Cookie: a=bcdefghijklm"].map((line) => {
    const bytes = Buffer.from(line);
    const colon = line.indexOf(":");
    return [1, 2, 3].map(() => {
      encoder.begin(Buffer.alloc(100), 0);
      encoder.field(bytes, 0, colon, colon + 2, bytes.length);
      return encoder.at;
    });
  });
  assert.deepEqual(lengths, [
    [24, 23, 1],
    [17, 17, 17],
  ]);
});

test("a table is full when it is full, and not before", () => {
  const decoder = new Decoder();
  // Of 2,048 bytes each: 32, the name, and a value that is as long as the rest.
  const field = (letter: string) => `40 01 ${letter} 7f e0 0e ${"76".repeat(2_015)}`;
  decoded(decoder, field("61") + field("62"));
  assert.deepEqual(
    [decoded(decoder, "bf")?.[0]?.[0], decoded(decoder, "be")?.[0]?.[0]],
    ["a", "b"],
  );
  decoded(decoder, field("63"));
  assert.deepEqual([decoded(decoder, "bf")?.[0]?.[0], decoded(decoder, "c0")], ["b", undefined]);
});

test("a table that was made smaller and larger again is said to be both", () => {
  const encoder = new Encoder();
  const out = Buffer.alloc(100);
  encoder.allow(0);
  encoder.allow(1_000_000);
  encoder.begin(out, 0);
  encoder.status(200);
  assert.equal(out.toString("hex", 0, encoder.at), "203fe11f88");
  encoder.begin(out, 0);
  encoder.status(200);
  assert.equal(encoder.at, 1);
});
