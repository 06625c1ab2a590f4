import { assert } from "../base/assert.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { KubernetesClient } from "../client/kubernetes.ts";
import type { Environment } from "./environment.ts";
import type { ExitCode } from "./failure.ts";
import type { Flags } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

/** One way to say more on a command line. */
export interface Flag {
  /** Without the dashes; a switch that turns something off begins with "no-". */
  readonly name: string;
  readonly short?: string;
  /** What stands for the value in `--help`; a switch has none. */
  readonly value?: string;
  /** It may be given several times, and each one counts. */
  readonly isMany?: boolean;
  readonly isHidden?: boolean;
  readonly meaning: string;
}

/** Something that follows the name of a command: "NAME", "[NAME]", "NAME..." or "[NAME...]". */
export interface Argument {
  readonly form: string;
  readonly meaning: string;
}

/** A line of `--help` to copy, and what it does. */
export interface Example {
  readonly line: string;
  readonly meaning: string;
}

/** A word that `varve` understands. There is a file for each. */
export interface Command {
  readonly name: string;
  /** Under which heading `varve --help` lists it. */
  readonly group: "Deploy" | "Look" | "Objects" | "Server" | "More";
  /** A line for `varve --help`. */
  readonly summary: string;
  /** More for its own `--help`; the summary when left out. */
  readonly text?: string;
  readonly args?: readonly Argument[];
  readonly flags?: readonly Flag[];
  readonly examples: readonly Example[];
  readonly isHidden?: boolean;
  /** Answers with the exit code, 0 when left out. Throws `Failure`, and what clients throw. */
  run(asked: Asked, context: Context): Promise<ExitCode | undefined>;
}

/** What stands on the command line, after the name of the command. */
export interface Asked {
  readonly args: readonly string[];
  readonly flags: Flags;
}

/** What a command works with. */
export interface Context {
  readonly environment: Environment;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Aborted when the user wants no more. */
  readonly signal: AbortSignal;
  /** Whether results are wanted as JSON. */
  readonly isJson: boolean;
  /** A command line that does so-and-so, here and on the same server. */
  command(words: string): string;
  /** Finds the server. Throws `Failure`. It is closed when the command has ended. */
  connect(): Promise<Server>;
}

/** A server that was found, and how. */
export interface Server {
  readonly client: KubernetesClient;
  /** The one asked for, or that of the kubeconfig. */
  readonly namespace: string;
  readonly address: string;
  readonly kubeconfig: string;
}

/** An argument that commander has seen to be there. */
export function defined(argument: string | undefined): string {
  assert(argument !== undefined, "the command line has been checked");
  return argument;
}
