import { type Clock, dateOf } from "../clock.ts";

/** "Date: Sun, 06 Nov 1994 08:49:37 GMT", made once a second. */
export class DateLine {
  readonly #clock: Clock;
  #second = -1;
  #text = "";
  #line = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The line of a head, to its end. */
  get(): string {
    this.#look();
    return this.#line;
  }

  /** What stands in it. */
  get text(): string {
    this.#look();
    return this.#text;
  }

  #look(): void {
    const now = this.#clock.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = dateOf(now).toUTCString();
      this.#line = `Date: ${this.#text}\r\n`;
    }
  }
}
