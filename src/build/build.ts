import type { ObjectKey } from "../api/meta.ts";
import type { Source } from "../api/source.ts";
import type { ReadOptions } from "../base/line_log.ts";
import type { LogLine } from "../base/log_line.ts";
import type { Credentials, Digest } from "../oci/oci.ts";
import type { StepContainer, StepVolume } from "./containers.ts";

export interface BuildRequest {
  /** Names the build, such as "default/hello-00001". The same id is the same build. */
  readonly id: string;
  readonly source: Source;
  /** What the app is laid on: a container image. `scratch` is none; the usual when left out. */
  readonly base?: NamedImage;
  /** Where the image is sent as well. */
  readonly pushTo?: NamedImage;
}

/** An image of a registry, and who asks for it. */
export interface NamedImage {
  readonly name: string;
  readonly credentials?: Credentials;
}

/** Instead of the name of a base image: none. */
export const SCRATCH = "scratch";

/** A build that is not ours to work out: its steps are containers that run one after the other. */
export interface StepsRequest {
  readonly id: string;
  readonly plan: StepsPlan;
}

/** What a Build asks for, with everything in it that was only referred to. */
export interface StepsPlan {
  /** In this order. */
  readonly parts: readonly PlanPart[];
  /** What steps mount, besides the workspace and their home. */
  readonly volumes: readonly StepVolume[];
  readonly logins: Logins;
  /** The part of the workspace that steps have for the whole, once the sources are there. */
  readonly subPath?: string;
  readonly timeLimitMs: number;
}

export type PlanPart =
  | { readonly type: "source"; readonly container: string; readonly source: StepSource }
  | {
      readonly type: "custom" | "step";
      readonly container: string;
      readonly step: PlannedContainer;
    };

/** What is fetched for steps, and where in the workspace it goes. */
export interface StepSource {
  readonly from: Source | ManifestSource;
  /** Below the workspace; "" is all of it. */
  readonly targetPath: string;
}

/** A list of files with their addresses and checksums, as incremental uploads make it. */
export interface ManifestSource {
  readonly type: "manifest";
  readonly url: string;
}

/** A container by the name of its image, which is yet to be fetched. */
export interface PlannedContainer extends StepContainer {
  readonly image: string;
  readonly credentials?: Credentials;
}

/** What sources are fetched with, and what steps find in their home. */
export interface Logins {
  readonly git: readonly GitLogin[];
  readonly docker: readonly DockerLogin[];
}

export type GitLogin =
  | {
      readonly type: "basic";
      /** Its scheme and host. */
      readonly url: string;
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly type: "ssh";
      readonly host: string;
      readonly port?: number;
      /** Names the key's file. */
      readonly name: string;
      readonly key: string;
      /** The keys of the host; whatever it shows first is taken for its own when left out. */
      readonly knownHosts?: string;
    };

export interface DockerLogin extends Credentials {
  /** As it stands in the configuration of Docker. */
  readonly registry: string;
}

/** The container that writes the logins: always the first. */
export const CREDENTIALS_CONTAINER = "build-step-credential-initializer";

/** How one container of a plan stands, or the fetching of a source. */
export interface PartState {
  readonly container: string;
  readonly image: string;
  readonly isStep: boolean;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly exitCode?: number;
  readonly reason?: string;
  /** Why it failed; or what it left to say how it ended. */
  readonly message?: string;
}

/** Why a build failed: one word for programs. */
export type BuildFailure =
  | "SourceMissing"
  | "NothingToRun"
  | "BuildStepFailed"
  | "BuildTimeout"
  | "BuildCancelled"
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
  /** Of one of steps: how far each has come, in their order. */
  readonly parts?: readonly PartState[];
}

/** Makes images of sources. Builds queue, a few at a time; what they say is kept with their id. */
export interface Builder extends AsyncDisposable {
  start(): Promise<void>;
  /**
   * Asks for a build, and says how it stands. Asking again changes nothing: an ended build stays
   * ended, also over a restart. One that a restart interrupted begins anew when asked for.
   */
  build(request: BuildRequest | StepsRequest): BuildState;
  /** Why no steps can run now: there is no engine for their containers. Nothing when they can. */
  whyNoSteps(): Promise<string | undefined>;
  /** Ends a build as cancelled, if it has not ended; what it said stays. */
  cancel(id: string): void;
  /** How a build stands that was asked for. */
  state(id: string): BuildState | undefined;
  /** What it said. Throws `NotFound` when there is no such build. */
  log(id: string, options?: ReadOptions): AsyncIterable<LogLine>;
  /** Stops a build if it runs, and forgets it and its log. */
  forget(id: string): Promise<void>;
  /** Calls with the id whenever the state of a build changed. */
  watch(listener: (id: string) => void): Disposable;
}

/** What the build of a Build is called; no Revision's is. */
export function stepsIdOf({ namespace = "", name }: ObjectKey): string {
  return `builds/${namespace}/${name}`;
}

/** Which Build this is the build of, or nothing. */
export function buildOfSteps(id: string): ObjectKey | undefined {
  const [first, namespace, name] = id.split("/");
  return first === "builds" && name !== undefined ? { namespace, name } : undefined;
}

/** As whom a part of a build writes to the log. */
export function writerOf(part: string): string {
  return part.replaceAll(/[ -]+/g, "-");
}
