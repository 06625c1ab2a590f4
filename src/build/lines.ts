import { StringDecoder } from "node:string_decoder";
import { LINE_CHARS_MAX } from "../base/line_log.ts";

/** Cuts what a process writes into lines. A line without an end is cut where it gets too long. */
export class Lines {
  readonly #take: (line: string) => void;
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  write(chunk: Buffer): void {
    // What draws progress goes back to the start of its line instead of ending it.
    const lines = (this.#rest + this.#decoder.write(chunk)).split(/\r?\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#take(line);
    while (this.#rest.length > LINE_CHARS_MAX) {
      this.#take(this.#rest.slice(0, LINE_CHARS_MAX));
      this.#rest = this.#rest.slice(LINE_CHARS_MAX);
    }
  }

  end(): void {
    this.#rest += this.#decoder.end();
    if (this.#rest !== "") this.#take(this.#rest);
    this.#rest = "";
  }
}
