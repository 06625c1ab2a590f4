import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance } from "../base/chance.ts";
import { readReference } from "../oci/reference.ts";
import { whyBadImage } from "./image.ts";

const DIGEST = `sha256:${"0a".repeat(32)}`;

const GOOD = [
  "nginx",
  "nginx:1.25",
  "library/nginx",
  "docker.io/library/nginx:latest",
  "localhost/hello",
  "localhost:5000/hello:v1",
  "127.0.0.1:5000/a/b/c",
  "[::1]:5000/hello",
  "ghcr.io/a-b/c_d.e__f:X_1.2-3",
  `example.com/hello@${DIGEST}`,
  `example.com/hello:1@${DIGEST}`,
  "varve.local/default/hello",
  "Registry/hello",
];

const SMALL = "is not lower-case letters and digits, with '.', '_' or '-' between them";

const BAD: readonly (readonly [string, string])[] = [
  ["", "a part of its path is empty"],
  ["Hello", `"Hello" ${SMALL}`],
  ["example.com/Hello", `"Hello" ${SMALL}`],
  ["a//b", "a part of its path is empty"],
  ["a/", "a part of its path is empty"],
  ["/a", "a part of its path is empty"],
  ["a..b", `"a..b" ${SMALL}`],
  ["a___b", `"a___b" ${SMALL}`],
  ["-a", `"-a" ${SMALL}`],
  ["a b", `"a b" ${SMALL}`],
  ["https://example.com/a", '"https:" is no host'],
  ["a:", "a tag is up to 128 letters, digits, '_', '.' and '-'"],
  ["a:-1", "a tag is up to 128 letters, digits, '_', '.' and '-'"],
  [`a:${"x".repeat(129)}`, "a tag is up to 128 letters, digits, '_', '.' and '-'"],
  ["a@sha256:1", "after the '@' there must be sha256: and 64 hexadecimal digits"],
  [`a@md5:${"0".repeat(32)}`, "after the '@' there must be sha256: and 64 hexadecimal digits"],
  [`a@${DIGEST}@${DIGEST}`, "there may be one '@'"],
  [`${"a/".repeat(128)}a`, "its path is over 255 characters"],
  ["-a.com/b", '"-a.com" is no host'],
  ["a..com/b", '"a..com" is no host'],
  ["a.com:x/b", '"a.com:x" is no host'],
];

test("names of images are told from others, and why", () => {
  for (const image of GOOD) assert.equal(whyBadImage(image), undefined, image);
  for (const [image, why] of BAD) assert.equal(whyBadImage(image), why, image);
});

test("what is taken for the name of an image here can be pulled, and the other way round", () => {
  const seed = 23;
  const chance = seededChance(seed);
  const parts = ["a", "b1", "A", ".", "-", "_", "/", ":", "@", "5000", "localhost", DIGEST, "x.io"];
  let good = 0;
  for (let times = 0; times < 6000; times += 1) {
    const length = 1 + Math.floor(chance.fraction() * 7);
    const pick = () => parts[Math.floor(chance.fraction() * parts.length)];
    const image = Array.from({ length }, pick).join("");
    const isGood = whyBadImage(image) === undefined;
    if (isGood) good += 1;
    assert.equal(isGood, isReadable(image), `seed ${seed}: ${image}`);
  }
  assert(good > 100, `${good} of them are names`);
});

test("long names are refused at once", () => {
  const long = 500_000;
  for (const part of ["a", "a.", "a/", "a-", ":", "@", "A", "a:", ".", "a_"]) {
    for (const end of ["", "!", "/!", "/a"]) {
      assert.notEqual(whyBadImage(`${part.repeat(long)}${end}`), undefined);
    }
  }
});

function isReadable(image: string): boolean {
  try {
    readReference(image);
    return true;
  } catch {
    return false;
  }
}
