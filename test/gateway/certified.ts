import assert from "node:assert/strict";
import { type Condition, conditionOf } from "../../src/api/condition.ts";
import { ROUTE, type Route } from "../../src/api/route.ts";
import { SERVICE } from "../../src/api/service.ts";
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

/** Deletes the sample, and resolves when it has no Route any more. */
export async function deleted({ client }: VarveProcess): Promise<void> {
  await client.delete(await client.get(SERVICE, HELLO));
  const deadline = systemClock.elapsed() + PATIENCE_MS;
  while ((await client.list(ROUTE, { namespace: HELLO.namespace })).items.length > 0) {
    assert(systemClock.elapsed() < deadline, "the Route goes with its Service");
    await systemClock.sleep(200);
  }
}
