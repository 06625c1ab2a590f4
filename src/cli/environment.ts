import { homedir } from "node:os";
import { basename, join, relative } from "node:path";
import type { Readable, Writable } from "node:stream";

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };
export type Input = Readable & { readonly isTTY?: boolean };

export type Variables = Readonly<Record<string, string | undefined>>;

/** What surrounds a command: read here and nowhere else, so that a test can give another. */
export interface Environment {
  readonly variables: Variables;
  /** What relative paths begin at. */
  readonly directory: string;
  /** How one calls this program from here: "varve", "npx varve", "node src/main.ts". */
  readonly program: string;
  readonly input: Input;
  readonly output: Output;
  readonly errors: Output;
  /** Aborted when the user wants no more: by Ctrl-C, or because nobody reads the output. */
  readonly signal: AbortSignal;
}

/** That of this process. A second Ctrl-C ends it at once. */
export function processEnvironment(): Environment {
  const over = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => over.abort());
  const { stdin, stdout, stderr } = process;
  for (const stream of [stdout, stderr]) {
    // As with `varve logs hello | head -1`: what is written then goes nowhere, and that is fine.
    stream.on("error", () => over.abort());
  }
  return {
    variables: process.env,
    directory: process.cwd(),
    program: programOf(process.argv[1] ?? "", process.env),
    input: stdin,
    output: stdout,
    errors: stderr,
    signal: over.signal,
  };
}

/** How the user may call us again. Within npm's scripts, npm finds the right Node for us. */
function programOf(path: string, variables: Variables): string {
  if (variables["npm_command"] !== undefined) return "npx varve";
  if (basename(path) === "varve") return "varve";
  const near = relative(process.cwd(), path);
  return `node ${near.length < path.length ? near : path}`;
}

/** Where the server keeps its home when nobody names one. */
export function defaultHome({ XDG_DATA_HOME: data = "" }: Variables): string {
  return join(data === "" ? join(homedir(), ".local", "share") : data, "varve");
}
