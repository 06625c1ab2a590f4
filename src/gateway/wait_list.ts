/** Where one value stands in a `WaitList`. */
export interface Place<T> {
  readonly value: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
  isHere: boolean;
}

/** First come, first served; and whoever gives up leaves from anywhere, at no cost to the rest. */
export class WaitList<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: T): Place<T> {
    const place: Place<T> = { value, before: this.#last, after: undefined, isHere: true };
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.#length += 1;
    return place;
  }

  /** Back to the front: for those who were served, and in vain. */
  unshift(value: T): Place<T> {
    const place: Place<T> = { value, before: undefined, after: this.#first, isHere: true };
    if (this.#first === undefined) this.#last = place;
    else this.#first.before = place;
    this.#first = place;
    this.#length += 1;
    return place;
  }

  shift(): T | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    this.remove(first);
    return first.value;
  }

  /** Twice does no harm. */
  remove(place: Place<T>): void {
    if (!place.isHere) return;
    place.isHere = false;
    if (place.before === undefined) this.#first = place.after;
    else place.before.after = place.after;
    if (place.after === undefined) this.#last = place.before;
    else place.after.before = place.before;
    this.#length -= 1;
  }
}
