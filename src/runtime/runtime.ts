import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import type { Probe } from "../api/probe.ts";
import type { LogOptions } from "../base/line_log.ts";
import type { LogLine } from "../base/log_line.ts";
import type { Thawing } from "../base/thawing.ts";
import type { Digest } from "../oci/oci.ts";

/** All that is needed to run one instance of a revision, and to run it again after a crash. */
export interface InstanceSpec {
  /** Unique on this server, such as "default/hello-00001-x7k2p": namespace, and name of its Pod. */
  readonly name: string;
  /** The revision it is an instance of, such as "default/hello-00001". */
  readonly revision: string;
  readonly image: Digest;
  /** Instead of the image's entry point and arguments, when given. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  /**
   * All of it but what the runtime sets: `PORT`; for a plain process `VARVE_INSTANCE` too, to know
   * it again by, `PATH`, `HOME` and `TMPDIR` where they are not given, and where Node runs
   * `NODE_COMPILE_CACHE`, so that the next start is quicker. Nothing of Varve's own is added.
   */
  readonly env: Readonly<Record<string, string>>;
  /** What the instance would like to listen on. `PORT` tells it what it shall listen on. */
  readonly port: number;
  readonly protocol: "http1" | "h2c";
  /** Must succeed once before the other probes begin. Failing, it ends the run as liveness does. */
  readonly startup?: Probe;
  readonly readiness: Probe;
  readonly liveness?: Probe;
  readonly limits: Limits;
  readonly user?: { readonly uid?: number; readonly gid?: number };
  /** What is mounted somewhere; only containers have it. */
  readonly volumes?: readonly Volume[];
  readonly mounts?: readonly Mount[];
  readonly security?: Security;
  /** Where it may write why it ends, "/dev/termination-log" otherwise; only containers have it. */
  readonly terminationMessagePath?: string;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

export interface Limits {
  readonly memoryBytes?: number;
  /** Thousandths of a core. */
  readonly cpuMillis?: number;
  /** Its part when processors are short, beside the parts of others; 1024 for a whole core. */
  readonly cpuShares?: number;
}

/** A directory of an instance: with these files, or else empty at first and its to write. */
export interface Volume {
  readonly name: string;
  readonly files?: readonly VolumeFile[];
  /** An empty one is kept in memory, and has at most so many bytes where that is said. */
  readonly isInMemory?: boolean;
  readonly bytesMax?: number;
}

export interface VolumeFile {
  /** Below the directory. */
  readonly path: string;
  readonly mode: number;
  /** In base64. */
  readonly content: string;
  /** Whose alone it is, where files can be given away: nobody else may read it then. */
  readonly owner?: number;
  /** Of what is good for a while only. */
  readonly term?: Term;
}

/** In milliseconds since 1970. */
export interface Term {
  /** When another should take its place. */
  readonly renewAtMs: number;
  /** No run begins with it from then on, until another has taken its place. */
  readonly endsAtMs: number;
}

export interface Mount {
  readonly volume: string;
  /** Where the instance has it. */
  readonly path: string;
  /** What of the volume, when it is not all. */
  readonly subPath?: string;
  readonly isReadOnly?: boolean;
}

/** What a container may do less, or more, than usual. */
export interface Security {
  readonly isRootReadOnly?: boolean;
  /** May become another user by what it executes. */
  readonly mayGainPrivileges?: boolean;
  /** Must not run as root. */
  readonly isNeverRoot?: boolean;
  readonly addedCapabilities?: readonly string[];
  readonly droppedCapabilities?: readonly string[];
  readonly isSeccompOff?: boolean;
}

/** What a revision asks of the runtime of its instances. */
export interface Needs {
  /** Names of the volumes that it mounts. */
  readonly volumes?: readonly string[];
}

/** How an instance ended, the last time it did. */
export interface Exit {
  /** Absent when a signal ended it, or when nobody was there to see it. */
  readonly code?: number;
  readonly signal?: string;
  readonly reason: "Completed" | "Error" | "OutOfMemory" | "Unhealthy" | "NotStarted" | "Unknown";
  /** The last lines it wrote, or why it could not be started; what a probe found comes first. */
  readonly output: string;
  /** What it wrote to its `terminationMessagePath`, maybe nothing; absent where there is none. */
  readonly message?: string;
  /** When that run began, unless it never did. */
  readonly startedAt?: string;
  readonly at: string;
}

/** As a shell tells it: a signal counts from 128. Nothing when nobody was there to see it. */
export function exitCodeOf({ code, signal }: Pick<Exit, "code" | "signal">): number | undefined {
  if (code !== undefined || signal === undefined) return code;
  return 128 + (constants.signals[signal as keyof typeof constants.signals] ?? 0);
}

/** Of the start of a run, in milliseconds. */
export interface StartParts {
  /** Until the image's files were laid out: next to nothing when they were. */
  readonly unpackMs: number;
  /** From there until there was a process. */
  readonly startMs: number;
  /** From there until it was ready. */
  readonly readyMs: number;
}

export interface Instance {
  readonly spec: InstanceSpec;
  /**
   * `starting`: runs, not yet ready. `ready`: serves. `unready`: was ready, and its probe fails.
   * `frozen`: was ready, and has no processor until it is thawed. `waiting`: ended, and will be
   * started again. `stopping`: on its way out.
   */
  readonly phase: "starting" | "ready" | "unready" | "frozen" | "waiting" | "stopping";
  /** Where it listens, or will. */
  readonly address?: { readonly host: string; readonly port: number };
  readonly pid?: number;
  /** Of one that is frozen: how others than this runtime can thaw it, where they can. */
  readonly thaw?: Thawing;
  readonly createdAt: string;
  /** Of the run that is now. */
  readonly startedAt?: string;
  /** How long the parts of its start took; absent until it was ready. */
  readonly start?: StartParts;
  readonly restarts: number;
  readonly lastExit?: Exit;
  /** What it is waiting for, for people: "nothing listens on port 41234 yet". */
  readonly message: string;
  /** What was asked for and cannot be had here: "the memory limit is not enforced: …". */
  readonly caveats: readonly string[];
}

export interface Usage {
  /** Processor time used since it was started, in nanoseconds. */
  readonly cpuNs: number;
  readonly memoryBytes: number;
}

/** A command to run beside an instance. */
export interface ExecRequest {
  readonly command: readonly string[];
  /** It is given something to read; otherwise its input is empty. */
  readonly hasInput: boolean;
  /** It has a terminal of this size, on which output and errors come as one. */
  readonly terminal?: TerminalSize;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A command that runs. Disposing it kills it, if it still runs, and all that it has started. */
export interface Execution extends Disposable {
  readonly input: Writable | undefined;
  readonly output: Readable;
  readonly errors: Readable;
  /** Nothing where there is no terminal. */
  resize(size: TerminalSize): void;
  /** With its exit code, as a shell tells it: 128 and more for a signal. */
  readonly ended: Promise<number>;
}

/**
 * Runs instances of images and keeps them running: one that ends is started again, with a growing
 * pause. Instances outlive the runtime: made anew over the same home, it finds them as they were.
 */
export interface Runtime extends AsyncDisposable {
  /** Names the driver in statuses: "process". */
  readonly kind: string;
  /** Adopts what still runs. Until then nothing else may be called. */
  start(): Promise<void>;
  /**
   * Why this image cannot run here ("it was not made for the process runtime …"), or cannot have
   * what it needs; or nothing. Throws `OciError` when the image is not in the store.
   */
  whyNot(image: Digest, needs?: Needs): Promise<string | undefined>;
  /**
   * Makes sure that this instance runs, and answers once that is on record. Asking again for the
   * same name changes nothing. What goes wrong later is told by the instance, not thrown.
   */
  run(spec: InstanceSpec): Promise<void>;
  /**
   * Takes the processor from an instance that is ready: it keeps its memory and its address, is not
   * probed, and is `frozen` from the moment of asking on, also for the next runtime. Whoever asks
   * has seen to it that it has no requests. Of what is not ready or not there nothing happens.
   */
  freeze(name: string): Promise<void>;
  /**
   * Lets an instance that is frozen go on: it is `ready` from the moment of asking on. Whoever has
   * thawed it by themselves says so by asking for it here.
   */
  thaw(name: string): Promise<void>;
  /**
   * Puts these volumes in the place of those of their names. An instance that runs, or is frozen,
   * has each file that is another as a whole, but where the file alone is mounted. Of what is not
   * there nothing happens.
   */
  refill(name: string, volumes: readonly Volume[]): Promise<void>;
  /** Ends an instance: SIGTERM, the grace time, SIGKILL. Resolves when it is gone. */
  stop(name: string): Promise<void>;
  get(name: string): Instance | undefined;
  list(): readonly Instance[];
  /**
   * Calls with the instance's name whenever `get` would say something else: at once of a new
   * phase, and of the rest, which comes in quick succession, within a second.
   */
  watch(listener: (name: string) => void): Disposable;
  /**
   * What it wrote in all its runs, or in the one before with `previous`. To follow it ends when
   * the instance has gone. Throws `NotFound` when there is and was no such instance.
   */
  log(name: string, options?: LogOptions & { readonly previous?: boolean }): AsyncIterable<LogLine>;
  usage(name: string): Promise<Usage | undefined>;
  /**
   * Runs a command as the instance runs: with its files, variables, user and limits. An instance
   * that is frozen is thawed, and none is frozen before its commands have ended. Throws
   * `NotFound` when there is no such instance, `BadRequest` when it does not run or the command
   * cannot be run, and `NotImplemented` where the driver cannot do what is asked for.
   */
  exec(name: string, request: ExecRequest): Promise<Execution>;
  /** Removes what was made ready to run of images that are neither kept nor running. */
  collect(kept: ReadonlySet<Digest>): Promise<void>;
  /** Forgets what the instances of a revision wrote, when all of them are gone. */
  dropLogs(revision: string): Promise<void>;
}
