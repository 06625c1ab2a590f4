import assert from "node:assert/strict";
import { test } from "node:test";
import type { Probe } from "../api/probe.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { keepProbing } from "./prober.ts";

const CASES: readonly {
  readonly title: string;
  readonly probe: Probe;
  readonly isEager: boolean;
  readonly finds: string;
  readonly tells: string;
  readonly pauses: readonly number[];
}[] = [
  {
    title: "an eager prober asks often until it is well, then every ten seconds",
    probe: {},
    isEager: true,
    finds: "--+++",
    tells: "--+++",
    pauses: [0, 50, 50, 10_000, 10_000, 10_000],
  },
  {
    title: "the thresholds count what is in a row",
    probe: { successThreshold: 2, failureThreshold: 2, periodSeconds: 3 },
    isEager: true,
    finds: "+-++-+--",
    tells: "---++++-",
    pauses: [0, ...Array<number>(8).fill(3000)],
  },
  {
    title: "who is held to be well gets a first period, or the delay that is asked for",
    probe: { initialDelaySeconds: 7, periodSeconds: 2 },
    isEager: false,
    finds: "---",
    tells: "++-",
    pauses: [7000, 2000, 2000, 2000],
  },
  {
    title: "a liveness probe without a period comes every ten seconds",
    probe: { failureThreshold: 1 },
    isEager: false,
    finds: "+-",
    tells: "+-",
    pauses: [10_000, 10_000, 10_000],
  },
];

for (const { title, probe, isEager, finds, tells, pauses } of CASES)
  test(title, async () => {
    const over = new AbortController();
    const slept: number[] = [];
    // Time stands still but for the pauses, which are over at once.
    const sleep = async (ms: number) => void slept.push(ms);
    const clock: Clock = { ...systemClock, elapsed: () => 0, sleep };
    let told = "";
    await keepProbing(
      { ...probe, exec: { command: ["look"] } },
      {
        ...{ clock, isWell: !isEager, isEager, crowd: new Set(), signal: over.signal },
        target: {
          ...{ host: "127.0.0.1", port: 1, askedPort: 1, protocol: "http1" },
          exec: async () => ({ isWell: finds[told.length] === "+", message: "" }),
        },
        tell: (isWell) => {
          told += isWell ? "+" : "-";
          if (told.length === finds.length) over.abort();
        },
      },
    );
    assert.equal(told, tells);
    assert.deepEqual(slept, pauses);
  });

test("of many eager probers each pauses longer, and leaves the crowd when it is well", async () => {
  const over = new AbortController();
  const slept: number[] = [];
  const sleep = async (ms: number) => void slept.push(ms);
  const clock: Clock = { ...systemClock, elapsed: () => 0, sleep };
  const crowd = new Set<unknown>(Array.from({ length: 39 }, (_, at) => at));
  const sizes: number[] = [];
  const finds = [false, false, true, true];
  const target = { host: "127.0.0.1", port: 1, askedPort: 1, protocol: "http1" } as const;
  await keepProbing(
    { exec: { command: ["look"] } },
    {
      ...{ clock, crowd, isWell: false, isEager: true, signal: over.signal },
      target: { ...target, exec: async () => ({ isWell: finds.shift() ?? true, message: "" }) },
      tell() {
        sizes.push(crowd.size);
        if (finds.length === 0) over.abort();
      },
    },
  );
  assert.deepEqual(slept, [0, 200, 200, 10_000, 10_000]);
  assert.deepEqual([sizes, crowd.size], [[39, 40, 40, 39], 39]);
});
