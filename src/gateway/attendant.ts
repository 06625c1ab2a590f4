import { connect, type OnReadOpts, Socket } from "node:net";

/** Who serves a connection: gets what is read, and is told of what happens to it. */
export interface Attendant {
  /** What is to be read into next. */
  readBuffer(): Uint8Array;
  /** So many bytes have come, at the beginning of `bytes`, which are only lent. */
  socketRead(bytes: Uint8Array, length: number): void;
  /** The other end has taken all. */
  socketDrained?(): void;
  /** Of a socket that we have opened. */
  socketConnected?(): void;
  /** Of a socket that we have opened. One that was accepted ends as soon as it has sent all. */
  socketEnded?(): void;
  socketFailed?(error: Error): void;
  socketClosed(): void;
}

/** Who counts connections. */
export interface Counter {
  /** One of them is closed. */
  left(): void;
}

const ATTENDANT = Symbol("attendant");
const COUNTER = Symbol("counter");

interface Attended extends Socket {
  readonly [ATTENDANT]: Attendant;
  readonly [COUNTER]?: Counter;
  readonly _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null;
}

/** Whose bytes were read last: Node asks for the next buffer right after. */
let reading: Attendant | undefined;

/**
 * Has a socket that was accepted read into the buffers of its attendant, as `connect` offers by
 * `onread` and servers do not: otherwise Node takes 64 KiB of fresh memory for each read. We set
 * what `onread` would have set, found by its values. A Node that has it elsewhere reads as ever.
 */
export function attend(socket: Socket, attendant: Attendant): void {
  const isAttended = ATTENDANT in socket;
  const attended: Attended = Object.assign(socket, { [ATTENDANT]: attendant });
  // Whoever did so before is relieved.
  if (isAttended) return;
  listen(attended);
  attended.on("drain", onDrain);
  const handle = attended._handle;
  if (SLOTS === undefined || typeof handle?.useUserBuffer !== "function") {
    socket.on("data", onData);
    return;
  }
  const buffer = attendant.readBuffer();
  Object.assign(socket, {
    [SLOTS.buffer]: buffer,
    [SLOTS.callback]: ON_READ.callback,
    [SLOTS.maker]: ON_READ.buffer,
  });
  handle.useUserBuffer(buffer);
}

/**
 * The same of a socket that we open, by what Node has for it. When it cannot be written to any
 * more, what has come by then is read all the same: it may say why.
 */
export function connectTo(
  { host, port }: { readonly host: string; readonly port: number },
  attendant: Attendant,
): Socket {
  reading = attendant;
  const socket = connect({ host, port, noDelay: true, onread: ON_READ });
  listen(Object.assign(socket, { [ATTENDANT]: attendant, destroy: destroyLate }));
  return socket.on("connect", onConnect).on("drain", onDrain).on("end", onEnd);
}

/**
 * Closes it at once, so that the other end sees that something was cut off. What waits for it is
 * dropped, which the kernel would keep for minutes otherwise.
 */
export function drop(socket: Socket): void {
  // Where TLS is in between, Node has no way to say so.
  if ("encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
}

/** Tells when it is closed, whoever attends to it until then. */
export function count(socket: Socket, counter: Counter): void {
  Object.assign(socket, { [COUNTER]: counter }).on("close", onClose);
}

/** The functions are the same for all: one more for each event would be half a KiB of each. */
function listen(socket: Attended): void {
  socket.on("error", onError);
  if (socket[COUNTER] === undefined) socket.on("close", onClose);
}

const ON_READ = {
  buffer: () => (reading as Attendant).readBuffer(),
  /** Answers whether to read on. */
  callback(this: unknown, length: number, bytes: Uint8Array): boolean {
    const attended = this as Attended;
    attended[ATTENDANT].socketRead(bytes, length);
    reading = attended[ATTENDANT];
    return true;
  },
};

function onData(this: Socket, bytes: Buffer): void {
  (this as Attended)[ATTENDANT].socketRead(bytes, bytes.length);
}

function onDrain(this: Socket): void {
  (this as Attended)[ATTENDANT].socketDrained?.();
}

function onConnect(this: Socket): void {
  (this as Attended)[ATTENDANT].socketConnected?.();
}

function onEnd(this: Socket): void {
  (this as Attended)[ATTENDANT].socketEnded?.();
}

function onError(this: Socket, error: Error): void {
  (this as Attended)[ATTENDANT].socketFailed?.(error);
}

/** It may be closed before anybody attends to it. */
function onClose(this: Socket): void {
  const { [COUNTER]: counter, [ATTENDANT]: attendant } = this as Partial<Attended>;
  counter?.left();
  attendant?.socketClosed();
}

/**
 * Node closes a socket as soon as a write has failed, and whoever has answered and closed amid a
 * request makes it fail. The kernel still has that answer, and it is read in the next turn.
 */
function destroyLate(this: Socket, error?: Error): Socket {
  const isOfWrite = error !== undefined && "syscall" in error && error.syscall === "write";
  const destroy = () => Socket.prototype.destroy.call(this, error);
  if (!isOfWrite || this.destroyed) return destroy();
  setImmediate(() => setImmediate(destroy));
  return this;
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
