import { Readable, Writable } from "node:stream";
import type { Environment, Variables } from "../../src/cli/environment.ts";
import { run } from "../../src/cli/program.ts";

export interface LineOptions {
  readonly variables?: Variables;
  /** What relative paths begin at. */
  readonly directory?: string;
  /** What stands on standard input. */
  readonly input?: string;
  /** Whether somebody watches, and may be asked. */
  readonly isTerminal?: boolean;
  /** Aborted as by Ctrl-C. */
  readonly signal?: AbortSignal;
  /** Sees all that is written so far, each time there is more. */
  readonly onText?: (line: Written) => void;
}

export interface Written {
  readonly out: string;
  readonly err: string;
}

export interface Ended extends Written {
  readonly code: number;
}

/** Runs a command line in this process, as a shell would run it in one of its own. */
export async function commandLine(
  args: readonly string[],
  options: LineOptions = {},
): Promise<Ended> {
  const { variables = {}, directory = "/", input = "", isTerminal = false } = options;
  const { signal = new AbortController().signal, onText = () => {} } = options;
  const written = { out: "", err: "" };
  const stream = (name: keyof Written) => {
    const write = (chunk: unknown, _encoding: unknown, done: () => void) => {
      written[name] += String(chunk);
      onText(written);
      done();
    };
    const size = isTerminal ? { columns: 120 } : {};
    return Object.assign(new Writable({ write }), { isTTY: isTerminal, ...size });
  };
  const environment: Environment = {
    ...{ variables, directory, signal },
    program: "varve",
    input: Object.assign(Readable.from([input]), { isTTY: isTerminal }),
    output: stream("out"),
    errors: stream("err"),
  };
  const code = await run(args, environment);
  return { code, ...written };
}
