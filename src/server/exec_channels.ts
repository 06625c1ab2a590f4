import { PassThrough, type Readable, type Writable } from "node:stream";
import type { Wire } from "../base/web_socket.ts";

/** The protocols of `kubectl exec` that we speak, best first: the last says when input ends. */
export const EXEC_PROTOCOLS: readonly string[] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/** The first byte of a message says what the rest of it is. */
const INPUT = 0;
const OUTPUT = 1;
const ERRORS = 2;
const OUTCOME = 3;
const RESIZE = 4;
/** Of the newest protocol: the channel that follows will say no more. */
export const CLOSE = 255;

export interface Channels {
  /** What the caller types. */
  readonly input: Readable;
  /** Calls with the size of the caller's terminal, and whenever it changes. */
  onResize: (size: { readonly columns: number; readonly rows: number }) => void;
  sendOutput(from: AsyncIterable<Buffer>): Promise<void>;
  sendErrors(from: AsyncIterable<Buffer>): Promise<void>;
  /** The last message: how it went. */
  finish(outcome: object): Promise<void>;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

/** Kubernetes' channels over a WebSocket. */
export function channelsOn(wire: Wire): Channels {
  const input = new PassThrough();
  input.on("error", () => {});
  const channels: Channels = {
    input,
    signal: wire.signal,
    onResize: () => {},
    sendOutput: (from) => forward(wire, OUTPUT, from),
    sendErrors: (from) => forward(wire, ERRORS, from),
    async finish(outcome) {
      await wire.send(message(OUTCOME, Buffer.from(JSON.stringify(outcome))));
      wire.close();
    },
  };
  wire.signal.addEventListener("abort", () => input.end(), { once: true });
  wire.listen(async (bytes) => {
    const rest = bytes.subarray(1);
    if (bytes[0] === INPUT && rest.length > 0) await written(input, rest);
    if (bytes[0] === RESIZE) channels.onResize(sizeIn(rest));
    if (bytes[0] === CLOSE && rest[0] === INPUT) input.end();
  });
  return channels;
}

async function forward(wire: Wire, channel: number, from: AsyncIterable<Buffer>) {
  for await (const chunk of from) await wire.send(message(channel, chunk));
}

function message(channel: number, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.from([channel]), rest]);
}

function sizeIn(bytes: Buffer) {
  const { Width = 80, Height = 24 } = JSON.parse(bytes.toString());
  return { columns: Number(Width) || 80, rows: Number(Height) || 24 };
}

/** Resolves when there is room for more, or nobody who would take it. */
export function written(stream: Writable, chunk: Buffer): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.write(chunk)) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("drain", resolve);
    stream.once("close", resolve);
  });
}
