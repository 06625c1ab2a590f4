/** What an operator allows. */
export interface AutoscalingLimits {
  /** The most that `max-scale` may say; 0 is no limit. */
  readonly maxScaleLimit: number;
  readonly isZeroInitialScaleFine: boolean;
}
