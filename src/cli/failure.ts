/** How a command ends: 0 done, 1 failed, 2 wrong usage, 3 not allowed by a safety check. */
export type ExitCode = 0 | 1 | 2 | 3;

interface FailureOptions extends ErrorOptions {
  /** What to do about it: commands, or sentences, a line each. */
  readonly hints?: readonly string[];
  readonly exitCode?: ExitCode;
}

/** Something that the user can expect and act on: what was refused, why, and what to do. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly hints: readonly string[];
  readonly exitCode: ExitCode;

  constructor(message: string, { hints = [], exitCode = 1, ...options }: FailureOptions = {}) {
    super(message, options);
    this.hints = hints;
    this.exitCode = exitCode;
  }
}

/** What was asked for makes no sense, whatever there is on the server. */
export function wrongUsage(message: string, ...hints: readonly string[]): Failure {
  return new Failure(message, { hints, exitCode: 2 });
}

/** What was asked for would do harm. */
export function notSafe(message: string, ...hints: readonly string[]): Failure {
  return new Failure(message, { hints, exitCode: 3 });
}

/** It was tried, or cannot be tried, and the reason is not how it was asked for. */
export function failure(message: string, ...hints: readonly string[]): Failure {
  return new Failure(message, { hints });
}
