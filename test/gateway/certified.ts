import assert from "node:assert/strict";
import { type Condition, conditionOf } from "../../src/api/condition.ts";
import { ROUTE, type Route } from "../../src/api/route.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { VarveProcess } from "../support/varve_process.ts";

export const HELLO = { namespace: "default", name: "hello" };
const PATIENCE_MS = 120_000;

/** The Route of the sample, once what it says of its certificate is so. */
export async function settled(
  { client }: VarveProcess,
  isSo: (condition: Condition) => boolean,
): Promise<Route> {
  const deadline = systemClock.elapsed() + PATIENCE_MS;
  for (;;) {
    const route = await client.get(ROUTE, HELLO);
    const condition = conditionOf(route.status, "CertificateProvisioned");
    if (condition !== undefined && isSo(condition)) return route;
    assert(systemClock.elapsed() < deadline, JSON.stringify(route.status));
    await systemClock.sleep(200);
  }
}
