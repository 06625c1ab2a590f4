const BUCKET_MS = 1000;

/** What is older than the window has this share in an average that forgets by and by. */
const FORGOTTEN = 0.001;

/** Sums of something by the second, for as long as a window is. */
export class Samples {
  readonly #sums: Float64Array;
  /** The second of the newest bucket. */
  #second: number;
  /** Before it there was nobody to count. */
  #firstSecond: number;

  constructor(windowMs: number, nowMs: number) {
    this.#sums = new Float64Array(Math.ceil(windowMs / BUCKET_MS) + 1);
    this.#second = Math.floor(nowMs / BUCKET_MS);
    this.#firstSecond = this.#second;
  }

  add(nowMs: number, amount: number): void {
    this.#advance(nowMs);
    this.#sums[this.#second % this.#sums.length] =
      (this.#sums[this.#second % this.#sums.length] ?? 0) + amount;
  }

  /**
   * How much there was in a second, over the last `ms`. Of the second that has just begun not all
   * is known, so it does not count; nor does the time before the first.
   */
  average(nowMs: number, ms: number): number {
    this.#advance(nowMs);
    const seconds = this.#secondsOf(ms);
    let sum = 0;
    for (let age = 1; age <= seconds; age += 1) sum += this.#at(age);
    return sum / seconds;
  }

  /** The same, where what is newer counts for more. */
  weightedAverage(nowMs: number, ms: number): number {
    this.#advance(nowMs);
    const decay = FORGOTTEN ** (1 / Math.max(1, Math.round(ms / BUCKET_MS)));
    let [sum, weights, weight] = [0, 0, 1];
    for (let age = 1; age <= this.#secondsOf(ms); age += 1) {
      sum += this.#at(age) * weight;
      weights += weight;
      weight *= decay;
    }
    return sum / weights;
  }

  #secondsOf(ms: number): number {
    const known = this.#second - this.#firstSecond;
    const asked = Math.round(ms / BUCKET_MS);
    return Math.max(1, Math.min(asked, known, this.#sums.length - 1));
  }

  #at(age: number): number {
    const { length } = this.#sums;
    return this.#sums[(((this.#second - age) % length) + length) % length] ?? 0;
  }

  /** A clock that was set back changes nothing. */
  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / BUCKET_MS);
    const { length } = this.#sums;
    if (second - this.#second >= length) this.#sums.fill(0);
    else for (let at = this.#second + 1; at <= second; at += 1) this.#sums[at % length] = 0;
    this.#second = Math.max(this.#second, second);
    this.#firstSecond = Math.max(this.#firstSecond, this.#second - length);
  }
}
