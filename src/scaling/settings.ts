import type { ScalingGlobals } from "../api/autoscaler_config.ts";
import { autoscalingValue } from "../api/autoscaling.ts";
import { readDurationMs } from "../api/duration.ts";
import { ANNOTATION } from "../api/labels.ts";

type Strings = Readonly<Record<string, string>>;

/** How one Revision is to be scaled. */
export interface ScalingSettings {
  /** `kpa` goes by requests, `hpa` by what instances use; of `other` somebody else takes care. */
  readonly class: "kpa" | "hpa" | "other";
  readonly metric: string;
  /** What one instance can take, in requests at once or a second. */
  readonly total: number;
  /** What one instance is meant to be given: less, so that there is room while others start. */
  readonly target: number;
  /** Of the class `hpa`: percent of the processor asked for, or mebibytes. */
  readonly resourceTarget: number;
  readonly minScale: number;
  /** 0 is without limit. */
  readonly maxScale: number;
  readonly initialScale: number;
  /** How many there are at least when there are any. */
  readonly activationScale: number;
  readonly windowMs: number;
  readonly panicWindowMs: number;
  /** So many times what is ready have to be wanted for panic. */
  readonly panicThreshold: number;
  readonly burstCapacity: number;
  readonly scaleDownDelayMs: number;
  readonly retentionMs: number;
  readonly frozenForMs: number;
  readonly isToZero: boolean;
  readonly isExponential: boolean;
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
}

export interface Asked {
  /** Of the template. */
  readonly annotations: Strings | undefined;
  /** Of the Service or Configuration, as they are now: they outweigh the template's. */
  readonly owners: Strings | undefined;
  /** Requests that an instance serves at once; 0 is without limit. */
  readonly concurrency: number;
}

const TARGET_MIN = 0.01;

/** How Kubernetes' own autoscaler is used when nothing is said. */
const CPU_PERCENT = 80;
const MEMORY_MEBIBYTES = 100;

/** What was asked for, and what holds otherwise. Admission has seen to it that it can be read. */
export function settingsOf(asked: Asked, globals: ScalingGlobals): ScalingSettings {
  const { text, number, ms } = readers(asked);
  const kind = classOf(text("class") ?? globals.class);
  const metric = text("metric") ?? (kind === "hpa" ? "cpu" : "concurrency");
  const windowMs = ms("window") ?? globals.stableWindowMs;
  const total = totalOf(asked, { metric, target: number("target"), globals });
  const percent = number("target-utilization-percentage") ?? globals.targetUtilizationPercentage;
  const panicPercent = number("panic-window-percentage") ?? globals.panicWindowPercentage;
  const threshold = number("panic-threshold-percentage") ?? globals.panicThresholdPercentage;
  const minScale = number("min-scale") ?? globals.minScale;
  const limit = globals.maxScaleLimit === 0 ? Infinity : globals.maxScaleLimit;
  const maxScale = number("max-scale") ?? globals.maxScale;
  return {
    class: kind,
    metric,
    total,
    target: Math.max(TARGET_MIN, (total * percent) / 100),
    resourceTarget: number("target") ?? (metric === "memory" ? MEMORY_MEBIBYTES : CPU_PERCENT),
    minScale: kind === "hpa" ? Math.max(1, minScale) : minScale,
    maxScale: maxScale === 0 && limit < Infinity ? limit : maxScale,
    initialScale: number("initial-scale") ?? globals.initialScale,
    activationScale: number("activation-scale") ?? 1,
    windowMs,
    panicWindowMs: Math.max(1000, (windowMs * panicPercent) / 100),
    panicThreshold: threshold / 100,
    burstCapacity: number("target-burst-capacity") ?? globals.targetBurstCapacity,
    scaleDownDelayMs: ms("scale-down-delay") ?? globals.scaleDownDelayMs,
    retentionMs: ms("scale-to-zero-pod-retention-period") ?? globals.retentionMs,
    frozenForMs: frozenForOf(asked) ?? globals.frozenForMs,
    isToZero: globals.isToZero && kind === "kpa",
    isExponential: text("metric-aggregation-algorithm") === "weighted-exponential",
    maxScaleUpRate: globals.maxScaleUpRate,
    maxScaleDownRate: globals.maxScaleDownRate,
  };
}

/** As many as are allowed: never below the least, unless the most is less. */
export function bounded(scale: number, { minScale, maxScale }: ScalingSettings): number {
  return Math.min(Math.max(scale, minScale), maxScale === 0 ? Infinity : maxScale);
}

function readers({ annotations, owners }: Asked) {
  const text = (name: string) =>
    owners?.[`${ANNOTATION.ours}${name}`] ?? autoscalingValue(annotations, name);
  const number = (name: string) => {
    const value = text(name);
    return value === undefined || Number.isNaN(Number(value)) ? undefined : Number(value);
  };
  const ms = (name: string) => readDurationMs(text(name) ?? "");
  return { text, number, ms };
}

function frozenForOf({ annotations, owners }: Asked): number | undefined {
  return readDurationMs(
    owners?.[ANNOTATION.frozenFor] ?? annotations?.[ANNOTATION.frozenFor] ?? "",
  );
}

function classOf(name: string): ScalingSettings["class"] {
  if (name.startsWith("kpa.")) return "kpa";
  return name.startsWith("hpa.") ? "hpa" : "other";
}

interface Aim {
  readonly metric: string;
  readonly target: number | undefined;
  readonly globals: ScalingGlobals;
}

/** A hard limit counts where it is smaller than the target. */
function totalOf({ concurrency }: Asked, { metric, target, globals }: Aim): number {
  if (metric === "rps") return target ?? globals.rpsTarget;
  if (concurrency === 0) return target ?? globals.concurrencyTarget;
  return Math.min(target ?? concurrency, concurrency);
}
