import assert from "node:assert/strict";
import { test } from "node:test";
import { readDurationMs, writeAge } from "./duration.ts";

const HOUR = 3_600_000;

const READ: readonly (readonly [string, number])[] = [
  ["0", 0],
  ["+0", 0],
  ["-0", 0],
  ["0s", 0],
  ["5s", 5000],
  ["+5s", 5000],
  ["-5s", -5000],
  ["1m30s", 90_000],
  ["30s1m", 90_000],
  ["1.5h", 1.5 * HOUR],
  [".5s", 500],
  ["5.s", 5000],
  ["1.1m", 66_000],
  ["4.1m", 246_000],
  ["250ms", 250],
  ["10us", 0.01],
  ["10\u00b5s", 0.01],
  ["10\u03bcs", 0.01],
  ["1ns", 0.000001],
  ["2540400h10m", 2540400 * HOUR + 600_000],
];

test("durations are read as Go reads them", () => {
  for (const [text, ms] of READ) assert.equal(readDurationMs(text), ms, text);
});

test("what is no duration is none", () => {
  const bad = ["", "5", "s", ".s", "1 s", " 1s", "1s ", "1S", "1d", "1s-", "1s2", "--1s", "1h+1m"];
  for (const text of [...bad, "1e3s", "1,5s", "3000000h", "0x1s", "1sm", "∞s"]) {
    assert.equal(readDurationMs(text), undefined, text);
  }
});

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * HOUR;

const AGES: readonly (readonly [number, string])[] = [
  [0, "0s"],
  [999, "0s"],
  [1000, "1s"],
  [119 * SECOND, "119s"],
  [2 * MINUTE, "2m"],
  [2 * MINUTE + 1000, "2m1s"],
  [10 * MINUTE - 1, "9m59s"],
  [10 * MINUTE + 59_000, "10m"],
  [180 * MINUTE - 1, "179m"],
  [3 * HOUR, "3h"],
  [3 * HOUR + 20 * MINUTE, "3h20m"],
  [8 * HOUR - 1, "7h59m"],
  [8 * HOUR + 59 * MINUTE, "8h"],
  [48 * HOUR - 1, "47h"],
  [2 * DAY, "2d"],
  [2 * DAY + HOUR, "2d1h"],
  [8 * DAY - 1, "7d23h"],
  [8 * DAY + 23 * HOUR, "8d"],
  [730 * DAY - 1, "729d"],
  [730 * DAY, "2y"],
  [731 * DAY, "2y1d"],
  [8 * 365 * DAY - 1, "7y364d"],
  [8 * 365 * DAY + 40 * DAY, "8y"],
  [-1999, "0s"],
  [-2000, "<invalid>"],
];

test("ages are written as kubectl writes them", () => {
  for (const [ms, age] of AGES) assert.equal(writeAge(ms), age, String(ms));
});

test("long texts that are almost durations are told at once", () => {
  for (const text of ["1".repeat(1_000_000), `${"1s".repeat(300_000)}x`, ".".repeat(1_000_000)]) {
    assert.equal(readDurationMs(text), undefined);
  }
});
