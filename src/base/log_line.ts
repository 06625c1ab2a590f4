export interface LogLine {
  /** When it was written: RFC 3339 with microseconds. */
  readonly at: string;
  /** Who wrote it: the name of an instance, or of a step. */
  readonly from: string;
  /** The how-manieth life of the writer this was, from 0. */
  readonly run: number;
  readonly text: string;
}
