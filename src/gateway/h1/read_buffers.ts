const SHARED_BYTES = 64 * 1024;
/** Of a long body: more at once saves calls, and still fits the cache of a core. */
const OWN_BYTES = 256 * 1024;
const FREE_MAX = 16;
/** With as much to come, a buffer of its own is worth it. */
const LONG_BYTES = 128 * 1024;

/** What the connections of a worker read into. */
export class ReadBuffers {
  /** Of all of them in turn: who keeps something of it makes a copy. */
  readonly shared: Buffer = Buffer.allocUnsafeSlow(SHARED_BYTES);
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(OWN_BYTES);
  }

  giveBack(buffer: Buffer): void {
    if (this.#free.length < FREE_MAX) this.#free.push(buffer);
  }
}

/** Whether a body is worth a buffer: of so many bytes, or when that is -1, so many have come. */
export function isLong(bodyBytes: number, bytesRead: number): boolean {
  return (bodyBytes < 0 ? bytesRead : bodyBytes) >= LONG_BYTES;
}

/**
 * What one connection reads into: the shared buffer, and one of its own while a long body passes,
 * which is written from there as it is. Node changes over at the end of a read.
 */
export class ReadBuffer {
  readonly #buffers: ReadBuffers;
  #current: Buffer;
  /** Node may still read into it, once. */
  #left: Buffer | undefined;

  constructor(buffers: ReadBuffers) {
    this.#buffers = buffers;
    this.#current = buffers.shared;
  }

  /** It is not changed before the next read, so it may be lent for as long as there is none. */
  isLasting(bytes: Uint8Array): boolean {
    return bytes === this.#current && bytes !== this.#buffers.shared;
  }

  /** A long body is under way. */
  begin(): void {
    if (this.#current === this.#buffers.shared) this.#current = this.#buffers.take();
  }

  /** The body is over. `isFree`: nobody still writes from the buffer. */
  end(isFree: boolean): void {
    const { shared } = this.#buffers;
    if (this.#current === shared) return;
    this.#left = isFree ? this.#current : undefined;
    this.#current = shared;
  }

  /** What Node is to read into next. */
  next(): Buffer {
    const left = this.#left;
    if (left !== undefined) {
      this.#left = undefined;
      this.#buffers.giveBack(left);
    }
    return this.#current;
  }
}
