import type { Target } from "./attempt.ts";
import type { InstanceRecord, RunRecord } from "./records.ts";
import type { ExecRequest, Execution, Instance, InstanceSpec, Usage, Volume } from "./runtime.ts";

/** How the first process of a run ended: one of the two, or neither when nobody saw it. */
export interface Ended {
  readonly code?: number;
  readonly signal?: string;
}

/** What is known of a run when nothing of it runs any more. */
export interface Remains {
  /** The last lines it wrote. */
  readonly output: string;
  /** See `Exit`. */
  readonly message?: string;
  /** Something in it was killed for want of memory. */
  readonly isOutOfMemory: boolean;
  /** It was begun, and never came to execute what it was told to. */
  readonly wasStarted: boolean;
}

/** One run of an instance that has a process, or had one. Disposing lets it be: it runs on. */
export interface Run extends Disposable {
  readonly target: Target;
  /** Resolves when its first process has ended. Of the others some may be left. */
  readonly ended: Promise<Ended>;
  /** Takes the processor from it, and gives it back: in the order of asking. */
  freeze(): void;
  thaw(): void;
  /** It is ready, for the first time or again. */
  settle(): void;
  usage(): Promise<Usage | undefined>;
  /** Starts a command beside it. */
  exec(request: ExecRequest): Promise<Execution>;
  /** SIGTERM; after the grace time SIGKILL to what is left. Resolves when it is gone. */
  end(options: EndOptions): Promise<void>;
  /** Kills what is left, and gives back what it had. The same again when it was cut short. */
  clear(signal: AbortSignal): Promise<Remains>;
}

export interface EndOptions {
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  readonly signal: AbortSignal;
}

export interface Beginning<R extends RunRecord> {
  readonly spec: InstanceSpec;
  /** As they are by now: they may be filled anew until they are laid out. */
  readonly volumes: () => readonly Volume[];
  readonly number: number;
  /** Called when it is about to have a process. If it throws, there will be none. */
  readonly save: (record: R) => void;
  /** Called when it has one. */
  readonly note: (record: R) => void;
  readonly signal: AbortSignal;
}

/** A run as its record has it. */
export interface Known<R extends RunRecord> {
  readonly spec: InstanceSpec;
  readonly run: R;
  readonly note: (record: R) => void;
  readonly signal: AbortSignal;
}

/** How one runtime begins runs, and finds them again. What they have on record is its own. */
export interface Driver<R extends RunRecord> {
  /** Why no run of it can be begun for now, and of no other. Absent where there is no such time. */
  whyNotNow?(spec: InstanceSpec): Promise<string | undefined>;
  /** Throws when it cannot be begun. */
  begin(beginning: Beginning<R>): Promise<Run>;
  /**
   * Takes on a run that another server began, which may be over by now. Answers with nothing when
   * it never came to have a process, and clears away what there is of it.
   */
  adopt(known: Known<R>): Promise<Run | undefined>;
  /** Where a run is, from when it has a process. */
  placeOf(run: R): Pick<Instance, "address" | "pid" | "thaw"> | undefined;
  /** Its volumes are filled with something else. Absent where instances have none. */
  refill?(spec: InstanceSpec): void;
  /** Removes what an instance had that will not be run again; its record goes last. */
  remove(record: InstanceRecord<R>): Promise<void>;
}
