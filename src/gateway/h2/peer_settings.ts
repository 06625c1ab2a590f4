import * as Code from "./codes.ts";

/** One frame of SETTINGS may say so many; a client has reason to say six. */
const SETTINGS_MAX = 32;

/** What the other side has asked for. */
export class PeerSettings {
  /** What it takes of each stream ahead. */
  window: number = Code.WINDOW_BYTES;
  /** How many streams it takes at once. */
  streams = Infinity;
  /** What it keeps of heads. */
  tableBytes: number = Code.TABLE_BYTES;
  /** The least that the last frame has said of that: it may have said several. */
  tableBytesLeast: number = Code.TABLE_BYTES;

  /** Takes all that a frame says; answers with what is wrong with it. */
  read(bytes: Buffer, from: number, to: number): number {
    if ((to - from) % 6 !== 0) return Code.FRAME_SIZE_ERROR;
    if (to - from > SETTINGS_MAX * 6) return Code.ENHANCE_YOUR_CALM;
    this.tableBytesLeast = this.tableBytes;
    for (let at = from; at < to; at += 6) {
      const problem = this.#take(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
      if (problem !== Code.NO_ERROR) return problem;
    }
    return Code.NO_ERROR;
  }

  #take(id: number, value: number): number {
    if (id === Code.HEADER_TABLE_SIZE) {
      this.tableBytes = value;
      this.tableBytesLeast = Math.min(this.tableBytesLeast, value);
    } else if (id === Code.ENABLE_PUSH) return value > 1 ? Code.PROTOCOL_ERROR : Code.NO_ERROR;
    else if (id === Code.MAX_CONCURRENT_STREAMS) this.streams = value;
    else if (id === Code.INITIAL_WINDOW_SIZE) {
      if (value > Code.WINDOW_LIMIT) return Code.FLOW_CONTROL_ERROR;
      this.window = value;
    } else if (id === Code.MAX_FRAME_SIZE) {
      // Ours are as small as all must take them.
      const isRight = value >= Code.FRAME_BYTES_MAX && value <= Code.FRAME_BYTES_LIMIT;
      if (!isRight) return Code.PROTOCOL_ERROR;
    }
    return Code.NO_ERROR;
  }
}
