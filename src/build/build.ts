import type { Source } from "../api/source.ts";
import type { LogLine, LogOptions } from "../base/line_log.ts";
import type { Digest } from "../oci/oci.ts";

export interface BuildRequest {
  /** Names the build, such as "default/hello-00001". The same id is the same build. */
  readonly id: string;
  readonly source: Source;
}

/** Why a build failed: one word for programs. */
export type BuildFailure =
  | "SourceMissing"
  | "NothingToRun"
  | "BuildStepFailed"
  | "BuildTimeout"
  | "InsufficientStorage";

export interface BuildState {
  readonly phase: "Pending" | "Building" | "Succeeded" | "Failed";
  /** What is being done, or was when it failed: "npm ci". */
  readonly step?: string;
  /** Set once it succeeded. */
  readonly image?: Digest;
  /** What was built, exactly: of a git source the commit, of an archive its digest. */
  readonly origin?: string;
  /** Set once it failed. */
  readonly reason?: BuildFailure;
  /** For people: of a failed step, with the last lines of its output. */
  readonly message?: string;
  readonly startedAt?: string;
  readonly completedAt?: string;
}

/** Makes images of sources. Builds queue, a few at a time; what they say is kept with their id. */
export interface Builder extends AsyncDisposable {
  start(): Promise<void>;
  /**
   * Asks for a build, and says how it stands. Asking again changes nothing: an ended build stays
   * ended, also over a restart. One that a restart interrupted begins anew when asked for.
   */
  build(request: BuildRequest): BuildState;
  /** How a build stands that was asked for. */
  state(id: string): BuildState | undefined;
  /** What it said. Throws `NotFound` when there is no such build. */
  log(id: string, options?: LogOptions): AsyncIterable<LogLine>;
  /** Stops a build if it runs, and forgets it and its log. */
  forget(id: string): Promise<void>;
  /** Calls with the id whenever the state of a build changed. */
  watch(listener: (id: string) => void): Disposable;
}
