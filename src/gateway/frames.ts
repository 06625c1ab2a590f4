const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;

/** "I am going away" (RFC 6455, 7.4.1), as a server says it, and as a client does, masked by 0. */
export const AWAY_TO_CLIENT = Buffer.from([0x88, 2, 0x03, 0xe9]);
export const AWAY_TO_INSTANCE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);

/**
 * Knows where one direction of a WebSocket is between two frames, and so may be ended there. It
 * reads no more than the heads of frames.
 */
export class Frames {
  /** Of the head that is being read: at most 14 bytes. */
  #head: number[] = [];
  #payloadLeft = 0;

  get isBetween(): boolean {
    return this.#head.length === 0 && this.#payloadLeft === 0;
  }

  /** Answers with where a frame first ends in these bytes; -1: in none of them. */
  feed(bytes: Buffer): number {
    let at = 0;
    let end = -1;
    while (at < bytes.length) {
      if (this.#payloadLeft > 0) {
        const taken = Math.min(this.#payloadLeft, bytes.length - at);
        this.#payloadLeft -= taken;
        at += taken;
      } else {
        this.#head.push(bytes[at] as number);
        at += 1;
        this.#readHead();
      }
      if (end < 0 && this.isBetween) end = at;
    }
    return end;
  }

  #readHead(): void {
    const head = this.#head;
    if (head.length < 2) return;
    const second = head[1] as number;
    const short = second & 0x7f;
    const lengthBytes = short === LENGTH_64 ? 8 : short === LENGTH_16 ? 2 : 0;
    if (head.length < 2 + lengthBytes + (second >= 0x80 ? MASK_BYTES : 0)) return;
    let length = lengthBytes === 0 ? short : 0;
    for (let at = 0; at < lengthBytes; at += 1) length = length * 256 + (head[2 + at] as number);
    this.#payloadLeft = length;
    this.#head = [];
  }
}
