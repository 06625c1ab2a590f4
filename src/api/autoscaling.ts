import type { AutoscalingLimits } from "./autoscaling_limits.ts";
import { readDurationMs } from "./duration.ts";
import { brief } from "./error.ts";
import { ANNOTATION, AUTOSCALING } from "./labels.ts";
import { at, invalidValue, outside, type Violation, wrong } from "./violation.ts";

type Strings = Readonly<Record<string, string>>;

/** Knative's own defaults. */
const LIMITS: AutoscalingLimits = { maxScaleLimit: 0, isZeroInitialScaleFine: false };

interface RuleCheck {
  readonly field: string;
  readonly class: string;
  readonly limits: AutoscalingLimits;
}

type Rule = (value: string, check: RuleCheck) => readonly Violation[];

const HOUR_MS = 3_600_000;
const MOST = 2_147_483_647;
const KPA = `kpa.${AUTOSCALING.slice(0, -1)}`;
const HPA = `hpa.${AUTOSCALING.slice(0, -1)}`;

/** Every annotation of the autoscaler, and what it may say (spec/elafros §12.4). */
const RULES: Readonly<Record<string, Rule>> = {
  class: ofClass,
  metric,
  "min-scale": whole,
  "max-scale": maxScale,
  "initial-scale": initialScale,
  "activation-scale": activationScale,
  target,
  "target-utilization-percentage": number({ from: 1, to: 100 }),
  "target-burst-capacity": burstCapacity,
  window: span({ from: 6000, to: HOUR_MS }, "6s <= %s <= 1h"),
  "panic-window-percentage": number({ from: 1, to: 100 }),
  "panic-threshold-percentage": number({ from: 110, to: 1000 }),
  "scale-down-delay": span({ from: 0, to: HOUR_MS }, "0s <= %s <= 1h"),
  "scale-to-zero-pod-retention-period": span(
    { from: 0, to: HOUR_MS, isFine: true },
    "0s <= %s <= 1h",
  ),
  "metric-aggregation-algorithm": algorithm,
};

/** These had no other spelling before. */
const NEW: ReadonlySet<string> = new Set(["activation-scale"]);

/** One setting of the autoscaler by its name of today ("min-scale"), however it was spelled. */
export function autoscalingValue(annotations: Strings = {}, name: string): string | undefined {
  const key = keyOf(annotations, name);
  return key === undefined ? undefined : annotations[key];
}

/** What is wrong with the autoscaler's annotations on a template (spec/elafros §12.5). */
export function checkAutoscaling(
  annotations: Strings = {},
  path: string,
  limits = LIMITS,
): readonly Violation[] {
  const kpaOrOther = autoscalingValue(annotations, "class") ?? KPA;
  const each = Object.entries(RULES).flatMap(([name, rule]) => {
    const key = keyOf(annotations, name);
    if (key === undefined) return [];
    return rule(annotations[key] ?? "", { field: at(path, key), class: kpaOrOther, limits });
  });
  return each.length > 0 ? each : checkBounds(annotations, path);
}

/** Not of a Service: what a Revision has from the start, or what it goes by at all. */
const FIXED: ReadonlySet<string> = new Set([
  ...["class", "metric", "metric-aggregation-algorithm", "initial-scale"],
]);

/**
 * What is wrong with the settings that a Service or Configuration has itself, such as
 * `varve.dev/min-scale`: they count for its Revisions as they are now, and make none.
 */
export function checkOwnScaling(
  annotations: Strings = {},
  path: string,
  limits = LIMITS,
): readonly Violation[] {
  const each = Object.entries(RULES).flatMap(([name, rule]) => {
    const key = `${ANNOTATION.ours}${name}`;
    const value = annotations[key];
    if (value === undefined || FIXED.has(name)) return [];
    return rule(value, { field: at(path, key), class: KPA, limits });
  });
  const frozen = checkFrozenFor(annotations, path);
  const [min, max] = ["min-scale", "max-scale"].map((name) => {
    return Number(annotations[`${ANNOTATION.ours}${name}`] ?? 0);
  });
  if (each.length + frozen.length > 0 || max === 0 || Number(max) >= Number(min)) {
    return [...each, ...frozen];
  }
  const field = at(path, `${ANNOTATION.ours}max-scale`);
  return [wrong(field, `max-scale=${max} is less than min-scale=${min}`)];
}

/** What is wrong with how long an idle instance shall be kept frozen. */
export function checkFrozenFor(annotations: Strings = {}, path: string): readonly Violation[] {
  const { frozenFor } = ANNOTATION;
  if (annotations[frozenFor] === undefined) return [];
  const rule = span({ from: 0, to: 720 * HOUR_MS, isFine: true }, "0s <= %s <= 720h");
  const check = { field: at(path, frozenFor), class: KPA, limits: LIMITS };
  return rule(annotations[frozenFor], check);
}

/** Under which key a setting is given: as it is spelled today, or "minScale" for "min-scale". */
function keyOf(annotations: Strings, name: string): string | undefined {
  const formerly = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const keys = NEW.has(name) ? [name] : [name, formerly];
  return keys.map((key) => `${AUTOSCALING}${key}`).find((key) => Object.hasOwn(annotations, key));
}

function checkBounds(annotations: Strings, path: string): readonly Violation[] {
  const numberOf = (name: string) => Number(autoscalingValue(annotations, name) ?? 0);
  const fieldOf = (name: string) => at(path, keyOf(annotations, name) ?? `${AUTOSCALING}${name}`);
  const [min, max, activation] = ["min-scale", "max-scale", "activation-scale"].map(numberOf);
  const bad: Violation[] = [];
  const say = (name: string, message: string) => bad.push(wrong(name, message));
  const both = [fieldOf("max-scale"), fieldOf("min-scale")].join(", ");
  if (max !== 0 && Number(max) < Number(min)) {
    say(both, `max-scale=${max} is less than min-scale=${min}`);
  }
  if (activation === 0) return bad;
  const field = fieldOf("activation-scale");
  if (Number(activation) < Number(min)) {
    say(field, `min-scale=${min} is greater than min-activate-scale=${activation}`);
  }
  if (max !== 0 && Number(max) < Number(activation)) {
    say(field, `max-scale=${max} is less than min-activate-scale=${activation}`);
  }
  return bad;
}

function ofClass(value: string, { field }: RuleCheck): readonly Violation[] {
  const isForeign = !value.endsWith(`.${AUTOSCALING.slice(0, -1)}`);
  if (isForeign || value === KPA || value === HPA) return [];
  return [invalidValue(field, value, `want ${KPA}, ${HPA}, or a class of another domain`)];
}

/** Another class may go by other metrics. */
function metric(value: string, { field, class: its }: RuleCheck): readonly Violation[] {
  if (its === KPA) return oneOf(["concurrency", "rps"], { field, value });
  return its === HPA && value === "" ? [invalidValue(field, value, "want a metric")] : [];
}

function algorithm(value: string, { field, class: its }: RuleCheck): readonly Violation[] {
  return its === KPA ? oneOf(["linear", "weighted-exponential"], { field, value }) : [];
}

function oneOf(
  known: readonly string[],
  { field, value }: { readonly field: string; readonly value: string },
): readonly Violation[] {
  if (known.includes(value)) return [];
  return [invalidValue(field, value, `want one of ${known.join(", ")}`)];
}

function whole(value: string, { field }: RuleCheck): readonly Violation[] {
  if (!/^[+-]?\d+$/.test(value)) return [invalidValue(field, value, "want a whole number")];
  const isFine = Number(value) >= 0 && Number(value) <= MOST;
  return isFine ? [] : [wrong(field, `expected 0 <= ${brief(value)} <= ${MOST}`)];
}

function maxScale(value: string, check: RuleCheck): readonly Violation[] {
  const bad = whole(value, check);
  const { field, limits } = check;
  const limit = limits.maxScaleLimit;
  if (bad.length > 0 || limit === 0) return bad;
  if (Number(value) > 0) return outside(field, Number(value), { from: 1, to: limit });
  return [wrong(field, `max-scale=0 (unlimited), must be less than ${limit}`)];
}

function initialScale(value: string, check: RuleCheck): readonly Violation[] {
  const bad = whole(value, check);
  if (bad.length > 0 || Number(value) > 0 || check.limits.isZeroInitialScaleFine) return bad;
  return [wrong(check.field, `${AUTOSCALING}initial-scale=0 not allowed by cluster`)];
}

function activationScale(value: string, check: RuleCheck): readonly Violation[] {
  const bad = whole(value, check);
  if (bad.length > 0 || Number(value) > 1) return bad;
  return [wrong(check.field, `min-activate-scale=${value} must be greater than 1`)];
}

function target(value: string, { field }: RuleCheck): readonly Violation[] {
  const is = readNumber(value);
  if (is === undefined) return [invalidValue(field, value, "want a number")];
  return is >= 0.01 ? [] : [wrong(field, `target ${value} should be at least 0.01`)];
}

function burstCapacity(value: string, { field }: RuleCheck): readonly Violation[] {
  const is = readNumber(value);
  if (is !== undefined && (is === -1 || is >= 0)) return [];
  return [invalidValue(field, value, "want -1 for always, 0 for never, or a number above")];
}

function number({ from, to }: { readonly from: number; readonly to: number }): Rule {
  return (value, { field }) => {
    const is = readNumber(value);
    if (is === undefined) return [invalidValue(field, value, "want a number")];
    return is >= from && is <= to ? [] : [wrong(field, `expected ${from} <= ${value} <= ${to}`)];
  };
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

function readNumber(text: string): number | undefined {
  return text.length <= 64 && NUMBER.test(text) ? Number(text) : undefined;
}

interface Span {
  readonly from: number;
  readonly to: number;
  /** It may have parts of a second. */
  readonly isFine?: boolean;
}

function span({ from, to, isFine = false }: Span, says: string): Rule {
  return (value, { field }) => {
    const ms = readDurationMs(value);
    if (ms === undefined) return [invalidValue(field, value, 'want a duration, such as "90s"')];
    if (ms < from || ms > to) return [wrong(field, `expected ${says.replace("%s", value)}`)];
    if (isFine || ms % 1000 === 0) return [];
    return [wrong(field, "must be specified with at most second precision", `it is ${value}`)];
  };
}
