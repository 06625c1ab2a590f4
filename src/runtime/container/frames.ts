/*
 * What a container writes comes in frames, unless it has a terminal:
 *   |stream 8|0 24|length 32|payload|     stream 1 is standard output, 2 standard error
 */
const HEAD_BYTES = 8;
/** No engine makes one that long; whoever sends one does not speak this. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;

export interface Frame {
  readonly stream: "output" | "errors";
  readonly payload: Buffer;
}

/**
 * Takes the frames apart, as many at a time as have come together. One that is cut off by the end
 * of the stream is left out.
 */
export async function* framesOf(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly Frame[]> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const frames: Frame[] = [];
    while (rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + rest.readUInt32BE(4);
      if (end > FRAME_BYTES_MAX) throw new Error("the engine sends what is no frame of output");
      if (rest.length < end) break;
      const stream = rest[0] === 2 ? "errors" : "output";
      frames.push({ stream, payload: rest.subarray(HEAD_BYTES, end) });
      rest = rest.subarray(end);
    }
    if (frames.length > 0) yield frames;
  }
}
