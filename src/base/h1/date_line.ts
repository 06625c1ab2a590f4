import { type Clock, dateOf } from "../clock.ts";

/** "Date: Sun, 06 Nov 1994 08:49:37 GMT", made once a second. */
export class DateLine {
  readonly #clock: Clock;
  #second = -1;
  #line = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(): string {
    const now = this.#clock.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#line = `Date: ${dateOf(now).toUTCString()}\r\n`;
    }
    return this.#line;
  }
}
