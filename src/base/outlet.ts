import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** The open end of an answer that goes on. It is closed when `write` has settled. */
export interface Outlet {
  /**
   * Sends a piece, at the end of this turn at the latest. A caller that is too slow to take what
   * it asked for is cut off.
   */
  send(piece: string | Uint8Array): void;
  readonly signal: AbortSignal;
}

export interface Streamed {
  readonly code: number;
  readonly headers: OutgoingHttpHeaders;
  readonly write: (outlet: Outlet) => Promise<void>;
}

/** A reader that leaves more than this unread is cut off. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;

/** Answers piece by piece. What `write` throws cuts the connection, and is told to `onError`. */
export async function stream(
  response: ServerResponse,
  { code, headers, write }: Streamed,
  onError: (thrown: unknown) => void,
): Promise<void> {
  const abort = new AbortController();
  response.once("close", () => abort.abort());
  response.writeHead(code, headers);
  response.flushHeaders();
  const send = senderTo(response);
  const outlet: Outlet = {
    signal: abort.signal,
    send(piece) {
      if (!abort.signal.aborted) send(piece);
    },
  };
  try {
    await write(outlet);
    response.end();
  } catch (thrown) {
    // The head has gone out as a success: cutting the connection is the one way left to say no.
    response.destroy();
    if (!abort.signal.aborted) onError(thrown);
  }
}

/**
 * Where the connection is ours, a piece goes to it as one chunk that is framed once for all its
 * readers: by the response, each of a thousand costs half as much again (`bench/api`, watches).
 */
function senderTo(response: ServerResponse): (piece: string | Uint8Array) => void {
  const { socket } = response;
  if (socket === null || !response.chunkedEncoding) {
    return (piece) => {
      response.write(piece);
      if (response.writableLength > UNREAD_BYTES_MAX) response.destroy();
    };
  }
  return (piece) => {
    gather(socket);
    socket.write(chunkOf(piece));
    if (socket.writableLength > UNREAD_BYTES_MAX) response.destroy();
  };
}

const gathering: Socket[] = [];

/** What is sent to a socket in one turn goes out together. */
function gather(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  if (gathering.push(socket) === 1) process.nextTick(release);
}

function release(): void {
  for (const socket of gathering.splice(0)) socket.uncork();
}

const LINE_END = Buffer.from("\r\n");
let last: { readonly piece: string | Uint8Array; readonly chunk: Buffer } | undefined;

/** HOT: the readers of a piece come in a row, and it is framed for the first of them. */
function chunkOf(piece: string | Uint8Array): Buffer {
  if (last?.piece === piece) return last.chunk;
  const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
  const length = Buffer.from(`${bytes.length.toString(16)}\r\n`);
  // An empty chunk would be the end.
  const chunk = bytes.length === 0 ? Buffer.alloc(0) : Buffer.concat([length, bytes, LINE_END]);
  last = { piece, chunk };
  return chunk;
}
