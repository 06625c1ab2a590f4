const NOTHING = Buffer.alloc(0);
const LEAST = 1_024;

/** Bytes that wait to be read, in one piece: what a slow client adds costs its own size. */
export class Kept {
  #store: Buffer = NOTHING;
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }

  get bytes(): Buffer {
    return this.#store.subarray(this.#from, this.#to);
  }

  append(bytes: Buffer): void {
    if (this.#to + bytes.length > this.#store.length) this.#grow(bytes.length);
    bytes.copy(this.#store, this.#to);
    this.#to += bytes.length;
  }

  /** The first of them are read. */
  drop(length: number): void {
    this.#from += length;
    if (this.#from < this.#to) return;
    this.#store = NOTHING;
    this.#from = 0;
    this.#to = 0;
  }

  /** All of them, and nothing is left. */
  takeAll(): Buffer {
    const bytes = Buffer.from(this.bytes);
    this.drop(bytes.length);
    return bytes;
  }

  /** The first time as much as there is, for most never get more. */
  #grow(more: number): void {
    const { length } = this;
    const store = Buffer.allocUnsafe(length === 0 ? more : Math.max(LEAST, 2 * (length + more)));
    this.#store.copy(store, 0, this.#from, this.#to);
    this.#store = store;
    this.#from = 0;
    this.#to = length;
  }
}
