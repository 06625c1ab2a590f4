import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance } from "../base/chance.ts";
import { normalQuantity, readQuantity } from "./quantity.ts";

const READ: readonly (readonly [number | string, number])[] = [
  [0, 0],
  [2, 2],
  ["2", 2],
  ["+2", 2],
  ["-2", -2],
  ["0.5", 0.5],
  [".5", 0.5],
  ["5.", 5],
  ["500m", 0.5],
  ["1500u", 0.0015],
  ["5n", 5e-9],
  ["1k", 1000],
  ["1M", 1e6],
  ["1G", 1e9],
  ["1T", 1e12],
  ["1P", 1e15],
  ["1E", 1e18],
  ["1e3", 1000],
  ["1E3", 1000],
  ["12e-1", 1.2],
  ["1Ki", 1024],
  ["64Mi", 67_108_864],
  ["1.5Gi", 1_610_612_736],
  ["1Ti", 2 ** 40],
  ["1Pi", 2 ** 50],
  ["1Ei", 2 ** 60],
  [" 1 ", 1],
];

test("quantities mean what Kubernetes takes them for", () => {
  for (const [text, value] of READ) assert.equal(readQuantity(text), value, String(text));
});

const BAD = [
  "",
  "x",
  "1x",
  "1 Mi",
  "1mi",
  "1KI",
  "1K",
  "1B",
  "1MiB",
  "--1",
  "1-",
  ".",
  "1e",
  "1e+",
];

test("what is no quantity is none", () => {
  for (const text of [...BAD, "1e100", "0x10", "1,5", "Infinity", "NaN", "1_000", "9".repeat(65)]) {
    assert.equal(readQuantity(text), undefined, text);
    assert.equal(normalQuantity(text), text);
  }
});

const NORMAL: readonly (readonly [number | string, string])[] = [
  [1, "1"],
  ["1000m", "1"],
  ["1.0", "1"],
  ["0.5", "500m"],
  ["0.0005", "500u"],
  ["1.5", "1500m"],
  ["100000", "100k"],
  ["12345", "12345"],
  ["1024Mi", "1Gi"],
  ["1.5Gi", "1536Mi"],
  ["0.5Gi", "512Mi"],
  ["1024", "1024"],
  ["1.3Ki", "1332"],
  ["0.5Ki", "512"],
  ["0.001Ki", "1024m"],
  ["1048576Ki", "1Gi"],
  ["1000M", "1G"],
  ["1e3", "1e3"],
  ["1E3", "1e3"],
  ["10e3", "10e3"],
  ["1e4", "10e3"],
  ["1200e-3", "1200e-3"],
  ["5e0", "5"],
  ["0", "0"],
  ["0Gi", "0"],
  ["-0", "0"],
  ["-500m", "-500m"],
  ["0.1n", "1n"],
  ["10E", "9223372036854775807"],
];

test("quantities are written in one way, as Kubernetes' clients write them", () => {
  for (const [text, normal] of NORMAL) assert.equal(normalQuantity(text), normal, String(text));
});

test("written in its one way, a quantity means the same, and stays as it is", () => {
  const chance = seededChance(5);
  const units = ["", "m", "u", "k", "M", "G", "Ki", "Mi", "Gi", "e2", "E-3"];
  for (let times = 0; times < 2000; times += 1) {
    const digits = Math.floor(chance.fraction() * 10 ** Math.floor(chance.fraction() * 6));
    const unit = units[Math.floor(chance.fraction() * units.length)] ?? "";
    const text = `${digits}${chance.fraction() < 0.3 ? ".25" : ""}${unit}`;
    const normal = normalQuantity(text);
    assert.equal(normalQuantity(normal), normal, text);
    const value = readQuantity(text) ?? Number.NaN;
    // What is beneath one, of binary units, is rounded up.
    const off = (readQuantity(normal) ?? Number.NaN) - value;
    assert(off > -1e-6 && off < 1, `${text} became ${normal}`);
    if (!unit.endsWith("i")) assert(off < 1e-6, `${text} became ${normal}`);
  }
});
