import { readDurationMs } from "./duration.ts";
import { ANNOTATION } from "./labels.ts";
import { at, invalidValue, type Violation, wrong } from "./violation.ts";

/** One share of the requests that a new Revision has for a while. */
export interface RolloutStep {
  readonly percent: number;
  /** How long at the least; by hand, nobody but a person goes on. */
  readonly pause: number | "manual";
}

/** What sends a new Revision back, and what it must show before it gets more. */
export interface RolloutGate {
  /** By what share more of its requests may fail than of the old one's. */
  readonly errors?: { readonly margin: number };
  /** By what factor that percentile of its durations may be longer. */
  readonly latency?: { readonly percentile: number; readonly factor: number };
  /** How long it may be without an instance that is ready while it is asked for. */
  readonly readiness?: { readonly graceMs: number };
}

export interface RolloutStrategy {
  /** After the last of them it has all. None: it moves as `rollout-duration` says. */
  readonly steps: readonly RolloutStep[];
  readonly gate: RolloutGate;
}

const PATH = "metadata.annotations";
const MANUAL = "manual";
const STEPS_MAX = 100;
const ALL = "errors,latency,readiness";

type Strings = Readonly<Record<string, string>>;

/** What the annotations of a Service or Route say; nothing is wrong with them. */
export function rolloutStrategyOf(annotations: Strings = {}): RolloutStrategy {
  const { [ANNOTATION.rolloutSteps]: steps, [ANNOTATION.rolloutGate]: gate } = annotations;
  const read = steps === undefined ? [] : readSteps(steps);
  const otherwise = steps === undefined ? "none" : ALL;
  return {
    steps: Array.isArray(read) ? read : [],
    gate: readGate(gate ?? otherwise) ?? {},
  };
}

/** Whether anything is compared at all. */
function hasGate({ errors, latency, readiness }: RolloutGate): boolean {
  return errors !== undefined || latency !== undefined || readiness !== undefined;
}

/** What is wrong with those annotations. */
export function checkRolloutStrategy(annotations: Strings = {}): readonly Violation[] {
  const { rolloutSteps, rolloutGate } = ANNOTATION;
  const { [rolloutSteps]: steps, [rolloutGate]: gate } = annotations;
  const read = steps === undefined ? [] : readSteps(steps);
  const gates = gate === undefined ? undefined : readGate(gate);
  const wrongs: Violation[] = [];
  if (typeof read === "string") wrongs.push(invalidValue(at(PATH, rolloutSteps), steps, read));
  if (gate !== undefined && gates === undefined) {
    const want = 'want "none", or some of "errors=1%", "latency=p95*1.5" and "readiness=10s"';
    const rest = "each by itself stands for these values";
    wrongs.push(invalidValue(at(PATH, rolloutGate), gate, `${want}, with commas between; ${rest}`));
  }
  const isUngated = gates !== undefined && !hasGate(gates);
  const hasten = Array.isArray(read) ? read.find(({ pause }) => pause === 0) : undefined;
  if (isUngated && hasten !== undefined) {
    const message = `the step ${hasten.percent}% has neither a pause nor a gate`;
    const way = `say how long it lasts, such as "${hasten.percent}%:5m", or drop ${rolloutGate}`;
    wrongs.push(wrong(at(PATH, rolloutSteps), message, way));
  }
  return wrongs;
}

/** Steps, or what is wrong with them. */
function readSteps(text: string): readonly RolloutStep[] | string {
  const want = 'want steps with commas between, such as "5%:1m,25%:10m,50%:manual"';
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > STEPS_MAX) return `${parts.length} steps are more than ${STEPS_MAX}`;
  const steps: RolloutStep[] = [];
  for (const part of parts) {
    const [, digits, said = "0s"] = /^(\d{1,3})%(?::(\S+))?$/.exec(part) ?? [];
    if (digits === undefined) return `${want}, not "${part}"`;
    const percent = Number(digits);
    const before = steps.at(-1)?.percent ?? 0;
    if (percent <= before || percent > 99) {
      return `each step is more than the one before, and from 1% to 99%: not ${percent}%`;
    }
    const pause = said === MANUAL ? MANUAL : readDurationMs(said);
    if (pause === undefined || (pause !== MANUAL && pause < 0)) {
      return `a step lasts for a duration or is "${MANUAL}", not "${said}"`;
    }
    steps.push({ percent, pause });
  }
  return steps;
}

/** A gate, or nothing when it cannot be read. */
function readGate(text: string): RolloutGate | undefined {
  if (text.trim() === "none") return {};
  let gate: RolloutGate = {};
  for (const part of text.split(",")) {
    const [name = "", value] = part.trim().split("=");
    const read = READ[name]?.(value);
    if (read === undefined || Object.keys(read).some((key) => key in gate)) return undefined;
    gate = { ...gate, ...read };
  }
  return gate;
}

const READ: Readonly<Record<string, (value?: string) => RolloutGate | undefined>> = {
  errors(value = "1%") {
    const [, percent] = /^(\d{1,2}(?:\.\d+)?)%$/.exec(value) ?? [];
    const margin = Number(percent) / 100;
    return margin > 0 ? { errors: { margin } } : undefined;
  },
  latency(value = "p95*1.5") {
    const [, percent, by] = /^p(\d{2}(?:\.\d)?)\*(\d+(?:\.\d+)?)$/.exec(value) ?? [];
    const [percentile, factor] = [Number(percent), Number(by)];
    const isFine = percentile >= 50 && percentile <= 99.9 && factor >= 1 && factor <= 1000;
    return isFine ? { latency: { percentile, factor } } : undefined;
  },
  readiness(value = "10s") {
    const graceMs = readDurationMs(value);
    return graceMs !== undefined && graceMs >= 0 ? { readiness: { graceMs } } : undefined;
  },
};
