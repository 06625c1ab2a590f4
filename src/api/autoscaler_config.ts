import type { AutoscalingLimits } from "./autoscaling_limits.ts";
import { readDurationMs } from "./duration.ts";
import { brief } from "./error.ts";
import type { ObjectKey } from "./meta.ts";
import { checkKeys, type Settings, SettingsError } from "./settings.ts";

/** What holds for every Revision unless it says otherwise: Knative's `config-autoscaler`. */
export interface ScalingGlobals {
  readonly class: string;
  /** Requests that an instance may have at once, where nothing limits them. */
  readonly concurrencyTarget: number;
  /** In percent, and for requests per second as well. */
  readonly targetUtilizationPercentage: number;
  readonly rpsTarget: number;
  readonly targetBurstCapacity: number;
  readonly stableWindowMs: number;
  readonly panicWindowPercentage: number;
  readonly panicThresholdPercentage: number;
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
  readonly minScale: number;
  /** 0 is without limit, here and below. */
  readonly maxScale: number;
  readonly maxScaleLimit: number;
  readonly initialScale: number;
  readonly allowZeroInitialScale: boolean;
  readonly scaleDownDelayMs: number;
  readonly isToZero: boolean;
  readonly retentionMs: number;
  /** Ours: how long an idle instance is kept frozen before it is stopped. */
  readonly frozenForMs: number;
}

/** Knative's own defaults (spec/elafros §12.4). */
export const GLOBALS: ScalingGlobals = {
  class: "kpa.autoscaling.knative.dev",
  concurrencyTarget: 100,
  targetUtilizationPercentage: 70,
  rpsTarget: 200,
  targetBurstCapacity: 211,
  stableWindowMs: 60_000,
  panicWindowPercentage: 10,
  panicThresholdPercentage: 200,
  maxScaleUpRate: 1000,
  maxScaleDownRate: 2,
  minScale: 0,
  maxScale: 0,
  maxScaleLimit: 0,
  initialScale: 1,
  allowZeroInitialScale: false,
  scaleDownDelayMs: 0,
  isToZero: true,
  retentionMs: 0,
  frozenForMs: 600_000,
};

/** The ConfigMap that says otherwise, under the keys that Knative's has. It counts at once. */
export const AUTOSCALER_CONFIG: ObjectKey = {
  namespace: "varve-system",
  name: "config-autoscaler",
};

type Read = (text: string) => string | number | boolean | undefined;

interface Key {
  readonly sets: keyof ScalingGlobals | undefined;
  readonly read: Read;
  readonly rule: string;
}

const HOUR_MS = 3_600_000;

const KEYS: Readonly<Record<string, Key>> = {
  "pod-autoscaler-class": {
    sets: "class",
    read: (text) => (text === "" ? undefined : text),
    rule: "want the name of a class",
  },
  "container-concurrency-target-default": number("concurrencyTarget", 0.01, 1e9),
  "container-concurrency-target-percentage": number("targetUtilizationPercentage", 1, 100),
  "requests-per-second-target-default": number("rpsTarget", 0.01, 1e9),
  "target-burst-capacity": number("targetBurstCapacity", -1, 1e9),
  "stable-window": span("stableWindowMs", 6000, HOUR_MS),
  "panic-window-percentage": number("panicWindowPercentage", 1, 100),
  "panic-threshold-percentage": number("panicThresholdPercentage", 110, 1000),
  "max-scale-up-rate": number("maxScaleUpRate", 1.01, 1e9),
  "max-scale-down-rate": number("maxScaleDownRate", 1.01, 1e9),
  "min-scale": number("minScale", 0, 1e6),
  "max-scale": number("maxScale", 0, 1e6),
  "max-scale-limit": number("maxScaleLimit", 0, 1e6),
  "initial-scale": number("initialScale", 0, 1e6),
  "allow-zero-initial-scale": truth("allowZeroInitialScale"),
  "scale-down-delay": span("scaleDownDelayMs", 0, HOUR_MS),
  "enable-scale-to-zero": truth("isToZero"),
  "scale-to-zero-pod-retention-period": span("retentionMs", 0, HOUR_MS),
  "frozen-for": span("frozenForMs", 0, 30 * 24 * HOUR_MS),
  // Of Knative's buffer and of waiting for it, which ours needs neither of.
  "scale-to-zero-grace-period": { ...span("retentionMs", 0, HOUR_MS), sets: undefined },
  "activator-capacity": { ...number("maxScale", 1, 1e9), sets: undefined },
};

/** Reads the settings, with Knative's for what is not said. Throws `SettingsError`. */
export function readAutoscalerConfig(data: Settings = {}): ScalingGlobals {
  checkKeys(data, Object.keys(KEYS));
  const said = Object.entries(KEYS).flatMap(([name, key]) => {
    const text = data[name];
    if (text === undefined) return [];
    const value = key.read(text);
    if (value === undefined) {
      throw new SettingsError(`${name} is "${brief(text)}": ${key.rule}`);
    }
    return key.sets === undefined ? [] : [[key.sets, value] as const];
  });
  const settings: ScalingGlobals = { ...GLOBALS, ...Object.fromEntries(said) };
  const { minScale, maxScale, initialScale, allowZeroInitialScale } = settings;
  if (maxScale !== 0 && maxScale < minScale) {
    throw new SettingsError(`max-scale is ${maxScale}, less than min-scale ${minScale}`);
  }
  if (initialScale > 0 || allowZeroInitialScale) return settings;
  throw new SettingsError("initial-scale is 0: set allow-zero-initial-scale to true as well");
}

/** What admission goes by. */
export function limitsIn({
  maxScaleLimit,
  allowZeroInitialScale,
}: ScalingGlobals): AutoscalingLimits {
  return { maxScaleLimit, isZeroInitialScaleFine: allowZeroInitialScale };
}

function number(sets: keyof ScalingGlobals, from: number, to: number): Key {
  const read = (text: string) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    return value >= from && value <= to ? value : undefined;
  };
  return { sets, read, rule: `want a number from ${from} to ${to}` };
}

function span(sets: keyof ScalingGlobals, fromMs: number, toMs: number): Key {
  const read = (text: string) => {
    const ms = readDurationMs(text);
    return ms !== undefined && ms >= fromMs && ms <= toMs ? ms : undefined;
  };
  return {
    sets,
    read,
    rule: `want a span from ${fromMs / 1000}s to ${toMs / HOUR_MS}h, such as 60s`,
  };
}

function truth(sets: keyof ScalingGlobals): Key {
  const words: Readonly<Record<string, boolean>> = { true: true, false: false };
  return { sets, read: (text) => words[text.toLowerCase()], rule: "want true or false" };
}
