/** What keeps together what it has to write. */
export interface Writer {
  flush(): void;
}

/**
 * Has all that was kept together in a turn of the event loop written at its end: what answers came
 * from several instances at once goes to a client in one piece.
 */
export class Turn {
  #due: Writer[] = [];

  /** Once a turn for each of them. */
  add(writer: Writer): void {
    if (this.#due.push(writer) === 1) setImmediate(this.#end);
  }

  readonly #end = (): void => {
    const due = this.#due;
    this.#due = [];
    for (let at = 0; at < due.length; at += 1) (due[at] as Writer).flush();
  };
}

const CHUNK_BYTES = 64 * 1024;
const FREE_MAX = 32;

/** What connections of a worker write into, in turn. */
export class Chunks {
  readonly #free: Buffer[] = [];

  /** Of so many bytes at least. */
  take(bytes: number): Buffer {
    if (bytes > CHUNK_BYTES) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  giveBack(chunk: Buffer): void {
    const isOurs = chunk.length === CHUNK_BYTES && this.#free.length < FREE_MAX;
    if (isOurs) this.#free.push(chunk);
  }
}
