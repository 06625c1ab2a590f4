import { isDiskFull } from "../base/durable_file.ts";
import { OciError } from "../oci/oci.ts";
import type { BuildFailure } from "./build.ts";
import { StepError } from "./step.ts";

/** Why a build failed, for the one who asked for it. */
export class BuildError extends Error {
  override readonly name = "BuildError";
  readonly reason: BuildFailure;

  constructor(reason: BuildFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** What whatever was thrown in a step means for the build. */
export function failureOf(thrown: unknown, step: string): BuildError {
  if (thrown instanceof BuildError) return thrown;
  const words = lastWords(thrown);
  const options = { cause: thrown };
  const isFull = thrown instanceof StepError ? thrown.isDiskFull : isDiskFull(thrown);
  if (isFull || (thrown instanceof OciError && thrown.reason === "NO_SPACE")) {
    const message = `The disk was full in the step "${step}": ${words}`;
    return new BuildError("InsufficientStorage", message, options);
  }
  const said = thrown instanceof StepError ? saidBy(thrown) : `failed: ${words}`;
  return new BuildError("BuildStepFailed", `Step "${step}" ${said}`, options);
}

/** How a process ended, and its last words. */
function saidBy({ what, tail }: StepError): string {
  return tail.length === 0 ? what : `${what}: ${tail.join("\n")}`;
}

/** The last words of what failed, as one message. */
export function lastWords(thrown: unknown): string {
  if (thrown instanceof StepError) {
    return thrown.tail.length === 0 ? `it ${thrown.what}` : thrown.tail.join("\n");
  }
  return thrown instanceof Error ? thrown.message : String(thrown);
}
