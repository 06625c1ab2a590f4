import { type OnReadOpts, Socket } from "node:net";

/** Gets the bytes of one read: `length` of them, at the beginning of `bytes`. */
export type Take = (length: number, bytes: Uint8Array) => void;

/**
 * Has a socket that was accepted read into a buffer that is given, as `connect` offers by `onread`
 * and servers do not: otherwise Node takes 64 KiB of fresh memory for each read. We set what
 * `onread` would have set, found by its values. A Node that has it elsewhere reads as ever.
 */
export function readInto(socket: Socket, buffer: () => Uint8Array, take: Take): void {
  const handle = (socket as Handled)._handle;
  if (SLOTS === undefined || typeof handle?.useUserBuffer !== "function") {
    socket.on("data", (bytes: Buffer) => take(bytes.length, bytes));
    return;
  }
  const first = buffer();
  const callback = (length: number, bytes: Uint8Array) => {
    take(length, bytes);
    return true;
  };
  Object.assign(socket, {
    [SLOTS.buffer]: first,
    [SLOTS.callback]: callback,
    [SLOTS.maker]: buffer,
  });
  handle.useUserBuffer(first);
}

interface Handled {
  readonly _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null;
}

interface Slots {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly maker: symbol;
}

const SLOTS = slots();

function slots(): Slots | undefined {
  const bytes = new Uint8Array(1);
  const maker = () => bytes;
  const callback = () => true;
  const buffer = symbolOf({ buffer: bytes, callback }, bytes);
  const made = { buffer: maker, callback };
  const known = { callback: symbolOf(made, callback), maker: symbolOf(made, maker) };
  if (buffer === undefined || known.callback === undefined || known.maker === undefined) {
    return undefined;
  }
  return { buffer, callback: known.callback, maker: known.maker };
}

/** Under which a socket keeps this value of its options. */
function symbolOf(onread: OnReadOpts, value: unknown): symbol | undefined {
  const socket = new Socket({ onread });
  return Object.getOwnPropertySymbols(socket).find((it) => Reflect.get(socket, it) === value);
}
