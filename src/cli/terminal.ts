import { once } from "node:events";
import { stripVTControlCharacters, styleText } from "node:util";
import type { Environment, Input, Output, Variables } from "./environment.ts";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "magenta" | "cyan";

/** Where a command writes: results on standard output, all else on standard error. */
export class Terminal {
  readonly #input: Input;
  readonly #output: Output;
  readonly #errors: Output;
  readonly #isColoured: { readonly output: boolean; readonly errors: boolean };
  /** Whether somebody watches, so that lines may be written over. */
  readonly isLive: boolean;

  constructor({ input, output, errors, variables }: Environment) {
    this.#input = input;
    this.#output = output;
    this.#errors = errors;
    this.#isColoured = {
      output: isColoured(output, variables),
      errors: isColoured(errors, variables),
    };
    this.isLive = errors.isTTY === true && variables["TERM"] !== "dumb" && !variables["CI"];
  }

  /** Whether a question can be asked. */
  get canAsk(): boolean {
    return this.#input.isTTY === true && this.#errors.isTTY === true;
  }

  /** How many characters fit in a line of the live part. */
  get columns(): number {
    return this.#errors.columns || 80;
  }

  /** Writes a result, and waits while its reader is behind. */
  async write(text: string): Promise<void> {
    if (this.#output.destroyed || this.#output.write(text)) return;
    const over = new AbortController();
    const { signal } = over;
    const ends = ["drain", "close", "error"].map((event) => once(this.#output, event, { signal }));
    await Promise.race(ends.map((end) => end.catch(() => {})));
    over.abort();
  }

  /** Writes a line of a result. */
  async print(line: string): Promise<void> {
    await this.write(`${line}\n`);
  }

  /** Writes a result for programs. */
  async printJson(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value, undefined, 2)}\n`);
  }

  /** Says something beside the result. */
  say(line: string): void {
    this.#errors.write(`${line}\n`);
  }

  /** Writes beside the result as it is: for the live line. */
  sayRaw(text: string): void {
    this.#errors.write(text);
  }

  /** In a style, where the result is written and styles are shown. */
  style(style: Style, text: string): string {
    return this.#isColoured.output ? styled(style, text) : text;
  }

  /** In a style, where all else is written and styles are shown. */
  styleSaid(style: Style, text: string): string {
    return this.#isColoured.errors ? styled(style, text) : text;
  }

  /** Asks for one line. Only to be called when `canAsk`. */
  async ask(question: string, signal: AbortSignal): Promise<string> {
    const { createInterface } = await import("node:readline/promises");
    const reader = createInterface({ input: this.#input, output: this.#errors });
    reader.once("SIGINT", () => reader.close());
    const closed = once(reader, "close").then(() => "");
    try {
      return await Promise.race([reader.question(question, { signal }), closed]);
    } finally {
      reader.close();
    }
  }
}

/** Without what moves cursors and changes colours. */
export function plain(text: string): string {
  return stripVTControlCharacters(text);
}

function styled(style: Style, text: string): string {
  return text === "" ? "" : styleText(style, text, { validateStream: false });
}

/** As no-color.org has it; `FORCE_COLOR` for those who record terminals. */
function isColoured(stream: Output, variables: Variables): boolean {
  if ((variables["NO_COLOR"] ?? "") !== "") return false;
  if (!["", "0"].includes(variables["FORCE_COLOR"] ?? "")) return true;
  return stream.isTTY === true && variables["TERM"] !== "dumb";
}
