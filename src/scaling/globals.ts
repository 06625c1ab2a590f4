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
