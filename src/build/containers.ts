import type { Digest } from "../oci/oci.ts";

/** A container of a build, apart from its image. Variables in command and arguments are told. */
export interface StepContainer {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  readonly mounts: readonly StepMount[];
  readonly limits: {
    readonly memoryBytes?: number;
    readonly cpuMillis?: number;
    readonly cpuShares?: number;
  };
  readonly user?: { readonly uid?: number; readonly gid?: number };
  readonly security?: StepSecurity;
  /** Where it may write how it ended, "/dev/termination-log" otherwise. */
  readonly terminationMessagePath?: string;
}

/** A directory: with these files, or else empty at first and shared by all that mount it. */
export interface StepVolume {
  readonly name: string;
  readonly files?: readonly StepFile[];
}

export interface StepFile {
  /** Below the directory. */
  readonly path: string;
  readonly mode: number;
  /** In base64. */
  readonly content: string;
}

export interface StepMount {
  readonly volume: string;
  readonly path: string;
  readonly subPath?: string;
  readonly isReadOnly?: boolean;
}

export interface StepSecurity {
  readonly isRootReadOnly?: boolean;
  readonly mayGainPrivileges?: boolean;
  readonly isNeverRoot?: boolean;
  readonly addedCapabilities?: readonly string[];
  readonly droppedCapabilities?: readonly string[];
  readonly isSeccompOff?: boolean;
}

/** One container to run to its end. */
export interface ContainerJob {
  /** For people who look at the engine: the build and the step. */
  readonly name: string;
  /** In the store of images. */
  readonly image: Digest;
  readonly container: StepContainer;
  readonly volumes: readonly StepVolume[];
  /** Where the volumes are, a directory for each. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onStart: () => void;
  readonly onLine: (line: string) => void;
}

export interface ContainerEnd {
  /** As a shell tells it: a signal counts from 128. */
  readonly exitCode: number;
  readonly isOutOfMemory: boolean;
  /** What it wrote to its `terminationMessagePath`, maybe nothing. */
  readonly message: string;
}

/** Runs containers of builds: the one way in which a build runs what is in an image. */
export interface Containers extends AsyncDisposable {
  /**
   * Why none can run now, with the way out; nothing when they can. The first time that they can,
   * what an earlier server has left running is ended.
   */
  whyNone(): Promise<string | undefined>;
  /**
   * Runs one, and has it gone when it returns. Throws what the engine says when it cannot be
   * started, and the reason of the signal, by which it is killed.
   */
  run(job: ContainerJob): Promise<ContainerEnd>;
}
