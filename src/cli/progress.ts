import type { Clock } from "../base/clock.ts";
import { every } from "../base/clock.ts";
import { plain, type Terminal } from "./terminal.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;
const CLEAR_LINE = "\r\x1b[2K";

/** How long something must be so before it is worth a line of its own. */
const DETAIL_MS = 1000;

/**
 * What is going on, beside the result: on a terminal one line that changes, elsewhere a line for
 * each step, and for what holds one up.
 */
export class Progress implements Disposable {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #timer: Disposable | undefined;
  #detailTimer: Disposable | undefined;
  #step = "";
  #detail = "";
  #frame = 0;

  constructor({ terminal, clock }: { readonly terminal: Terminal; readonly clock: Clock }) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#timer = terminal.isLive ? every(clock, FRAME_MS, () => this.#draw()) : undefined;
  }

  /** What is being done now, and what it waits for. Saying it again says nothing. */
  step(text: string, detail = ""): void {
    const step = oneLine(text);
    const more = oneLine(detail);
    if (step === this.#step && more === this.#detail) return;
    const isNew = step !== this.#step;
    this.#step = step;
    this.#detail = more;
    if (this.#timer !== undefined) this.#draw();
    else if (isNew) this.#terminal.say(step);
    this.#tellDetailLater();
  }

  /** A line that stays. */
  say(text: string): void {
    this.#clear();
    this.#terminal.say(text);
    this.#draw();
  }

  /** A line that somebody else wrote, such as a build. */
  quote(text: string): void {
    this.say(this.#terminal.styleSaid("dim", `  │ ${plain(text).replaceAll("\r", "")}`));
  }

  /** Takes the changing line away. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#detailTimer?.[Symbol.dispose]();
    this.#step = "";
    this.#clear();
  }

  #tellDetailLater(): void {
    this.#detailTimer?.[Symbol.dispose]();
    if (this.#timer !== undefined || this.#detail === "") return;
    const line = this.#whole();
    this.#detailTimer = this.#clock.after(DETAIL_MS, () => this.#terminal.say(line));
  }

  #whole(): string {
    return this.#detail === "" ? this.#step : `${this.#step}: ${this.#detail}`;
  }

  #draw(): void {
    if (this.#timer === undefined || this.#step === "") return;
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const text = `${FRAMES[this.#frame]} ${this.#whole()}`.slice(0, this.#terminal.columns - 1);
    this.#terminal.sayRaw(`${CLEAR_LINE}${text}`);
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#terminal.sayRaw(CLEAR_LINE);
  }
}

function oneLine(text: string): string {
  return plain(text).replaceAll(/\s+/g, " ").trim();
}
