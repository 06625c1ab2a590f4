import type { Socket } from "node:net";

/** The open end of an answer that goes on. It is closed when `write` has settled. */
export interface Outlet {
  /**
   * Sends a piece, at the end of this turn at the latest. A caller that is too slow to take what
   * it asked for is cut off.
   */
  send(piece: string | Uint8Array): void;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

interface OutletOptions {
  /** Each piece is a chunk; of a client of HTTP/1.0, all until the connection ends. */
  readonly isChunked: boolean;
  readonly signal: AbortSignal;
}

/** A reader that leaves more than this unread is cut off. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;

/** Where the pieces of an answer go whose head is written. */
export function outletTo(socket: Socket, { isChunked, signal }: OutletOptions): Outlet {
  return {
    signal,
    send(piece) {
      if (signal.aborted) return;
      gather(socket);
      socket.write(isChunked ? chunkOf(piece) : piece);
      if (socket.writableLength > UNREAD_BYTES_MAX) socket.destroy();
    },
  };
}

const gathering: Socket[] = [];

/** What is sent to a socket in one turn goes out together. */
export function gather(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  if (gathering.push(socket) === 1) process.nextTick(release);
}

function release(): void {
  for (const socket of gathering.splice(0)) socket.uncork();
}

/** What ends an answer in chunks. */
export const LAST_CHUNK = "0\r\n\r\n";

const LINE_END = Buffer.from("\r\n");
let last: { readonly piece: string | Uint8Array; readonly chunk: Buffer } | undefined;

/** HOT: the readers of a piece come in a row, and it is framed for the first of them. */
export function chunkOf(piece: string | Uint8Array): Buffer {
  if (last?.piece === piece) return last.chunk;
  const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
  const length = Buffer.from(`${bytes.length.toString(16)}\r\n`);
  // An empty chunk would be the end.
  const chunk = bytes.length === 0 ? Buffer.alloc(0) : Buffer.concat([length, bytes, LINE_END]);
  last = { piece, chunk };
  return chunk;
}
