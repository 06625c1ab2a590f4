import { ApiError } from "../api/error.ts";
import { NAMESPACE } from "../api/namespace.ts";
import type { StatusDetails } from "../api/status.ts";
import { ArchiveError } from "../base/archive.ts";
import { KubeconfigError } from "../client/kubeconfig.ts";
import { type ExitCode, Failure } from "./failure.ts";

/** What to tell the user of something that was thrown. */
export interface Explanation {
  readonly message: string;
  readonly hints: readonly string[];
  readonly exitCode: ExitCode;
}

export interface ExplainOptions {
  /** How one calls us. */
  readonly program: string;
  /** The command line that starts the server. */
  readonly serve: string;
  /** Where the server was found to be. */
  readonly kubeconfig?: string | undefined;
  readonly isInterrupted: boolean;
}

/** Turns whatever was thrown into words: what, why, and what to do. */
export function explain(thrown: unknown, options: ExplainOptions): Explanation {
  if (thrown instanceof Failure) return thrown;
  if (options.isInterrupted) return { message: "interrupted", hints: [], exitCode: 1 };
  if (thrown instanceof ApiError) return explainRefusal(thrown, options);
  if (thrown instanceof KubeconfigError || thrown instanceof ArchiveError) {
    return { message: thrown.message, hints: [], exitCode: 1 };
  }
  if (isOfSystem(thrown)) return { message: thrown.message, hints: [], exitCode: 1 };
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  const hints = ["This is a bug of varve: please report it, with what you did"];
  return { message: stack, hints, exitCode: 1 };
}

function explainRefusal({ status, message }: ApiError, options: ExplainOptions): Explanation {
  const { serve, kubeconfig } = options;
  const from = kubeconfig === undefined ? "" : ` (by ${kubeconfig})`;
  switch (status.reason) {
    case "ServiceUnavailable": {
      const hints = [`If it does not run, start it: ${serve}`];
      return { message: `${message}${from}`, hints, exitCode: 1 };
    }
    case "Unauthorized": {
      const hints = [`The server does not know the token in ${kubeconfig ?? "the kubeconfig"}`];
      return { message, hints, exitCode: 1 };
    }
    default: {
      const hints = hintsFor(status.details, options);
      return { message: withoutPreface(message), hints, exitCode: 1 };
    }
  }
}

/** A namespace that is missing can be made by whoever may use it. */
function hintsFor({ kind, name }: StatusDetails = {}, { program }: ExplainOptions) {
  if (kind !== NAMESPACE.plural || name === undefined) return [];
  const object = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  return [`Make it: echo '${object}' | ${program} apply -f -`];
}

/** The words before it say only which part of Kubernetes would have refused it. */
export function withoutPreface(message: string): string {
  return message.replace(/^admission webhook "[^"]*" denied the request: /, "");
}

/** A file that cannot be read, a name that cannot be resolved: its message says all. */
function isOfSystem(thrown: unknown): thrown is Error {
  return thrown instanceof Error && "syscall" in thrown && "code" in thrown;
}
