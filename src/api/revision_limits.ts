import type { ObjectKey } from "./meta.ts";
import { checkKeys, readCount, type Settings } from "./settings.ts";

/** The most that a template may ask for (spec/elafros §4.4, §16 O-2). */
export interface RevisionLimits {
  readonly timeoutSecondsMax: number;
  readonly concurrencyMax: number;
}

/** The ConfigMap that says it, under the keys that Knative's has. It counts at once. */
export const DEFAULTS_CONFIG: ObjectKey = { namespace: "varve-system", name: "config-defaults" };

export const TIMEOUT_KEY = "max-revision-timeout-seconds";
export const CONCURRENCY_KEY = "container-concurrency-max-limit";

/** The longest of all times: what is upgraded or streams is bounded by them alone. */
export const DAY_SECONDS = 86_400;

/** Knative's own. */
export const REVISION_LIMITS: RevisionLimits = { timeoutSecondsMax: 600, concurrencyMax: 1000 };

/** What no operator allows more than. */
export const MOST: RevisionLimits = { timeoutSecondsMax: DAY_SECONDS, concurrencyMax: 1_000_000 };

/** Reads them, with Knative's for what is not said. Throws `SettingsError`. */
export function readRevisionLimits(said: Settings = {}): RevisionLimits {
  checkKeys(said, [TIMEOUT_KEY, CONCURRENCY_KEY]);
  const { timeoutSecondsMax, concurrencyMax } = REVISION_LIMITS;
  // Who says nothing has 300 seconds, which must be fine.
  const timeouts = { from: 300, to: MOST.timeoutSecondsMax };
  const concurrencies = { from: 1, to: MOST.concurrencyMax };
  return {
    timeoutSecondsMax: readCount(said, TIMEOUT_KEY, timeouts) ?? timeoutSecondsMax,
    concurrencyMax: readCount(said, CONCURRENCY_KEY, concurrencies) ?? concurrencyMax,
  };
}
