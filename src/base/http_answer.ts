import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { Answer, Call } from "./call.ts";
import { nodeHttp } from "./node_http.ts";
import { chunkOf, gather, LAST_CHUNK, outletTo } from "./outlet.ts";

/** What of an answer depends on the connection, and not on what is answered. */
export interface Way {
  /** Of HTTP/1.1, so that what has no length goes in chunks; else it ends with the connection. */
  readonly isChunked: boolean;
  /** When it is, and whether the connection stays: whole lines. */
  readonly lines: string;
  /** Called as the first byte goes out. */
  readonly begun: () => void;
}

/**
 * Sends an answer: at once, or until the promise settles. Throws, and has sent nothing, for a
 * header that cannot be one; what a stream throws, the promise throws.
 */
export function sendAnswer(
  socket: Socket,
  { call, answer }: { readonly call: Call; readonly answer: Answer },
  way: Way,
): Promise<void> | undefined {
  const { body, write } = answer;
  if (write !== undefined) return written(socket, { call, answer, write }, way);
  if (body instanceof Readable) return piped(socket, { call, answer, body }, way);
  const { content, type } = wholeOf(answer);
  const head = headText(answer, `${framingOf(answer.code, content, type)}${way.lines}`);
  way.begun();
  writeWhole(socket, head, call.method === "HEAD" ? "" : content);
  return undefined;
}

/** A whole answer of a line of text. */
export function refusalText(code: number, detail: string, { lines }: Way): string {
  const framing = framingOf(code, `${detail}\n`, "text/plain; charset=utf-8");
  return `${statusLine(code)}${framing}${lines}\r\n${detail}\n`;
}

async function written(
  socket: Socket,
  { call, answer, write }: { call: Call; answer: Answer; write: NonNullable<Answer["write"]> },
  way: Way,
): Promise<void> {
  const { isChunked } = way;
  begin(socket, answer, way);
  if (call.method === "HEAD") return;
  await write(outletTo(socket, { isChunked, signal: call.signal }));
  if (isChunked) socket.write(LAST_CHUNK);
}

/** The head goes out with the first piece: what fails before that can be answered otherwise. */
async function piped(
  socket: Socket,
  { call, answer, body }: { call: Call; answer: Answer; body: Readable },
  way: Way,
): Promise<void> {
  const { isChunked } = way;
  call.signal.addEventListener("abort", () => body.destroy(), { once: true });
  let isBegun = false;
  if (call.method !== "HEAD") {
    for await (const piece of body) {
      if (!isBegun) begin(socket, answer, way);
      isBegun = true;
      if (!socket.write(isChunked ? chunkOf(piece) : piece)) await drained(socket);
      if (socket.destroyed) return;
    }
  }
  if (!isBegun) begin(socket, answer, way);
  if (call.method === "HEAD") body.destroy();
  else if (isChunked) socket.write(LAST_CHUNK);
}

function begin(socket: Socket, answer: Answer, { isChunked, lines, begun }: Way): void {
  const framing = isChunked ? "transfer-encoding: chunked\r\n" : "";
  const head = headText(answer, `${framing}${lines}`);
  begun();
  gather(socket);
  socket.write(head, "latin1");
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      socket.off("drain", go).off("close", go);
      resolve();
    };
    socket.once("drain", go).once("close", go);
  });
}

/** To its empty line, a byte a letter. */
function headText({ code, headers = {} }: Answer, rest: string): string {
  let text = statusLine(code);
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (typeof value === "string") text += lineOf(name, value);
    else for (const one of value ?? []) text += lineOf(name, one);
  }
  return `${text}${rest}\r\n`;
}

/** What a value is made of: no control character, nor what takes more than a byte. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function lineOf(name: string, value: string): string {
  if (VALUE.test(value)) return `${name}: ${value}\r\n`;
  throw new Error(`the header ${name} cannot be ${JSON.stringify(value)}`);
}

const statusLines = new Map<number, string>();

function statusLine(code: number): string {
  const known = statusLines.get(code);
  if (known !== undefined) return known;
  const made = `HTTP/1.1 ${code} ${nodeHttp.STATUS_CODES[code] ?? "Unknown"}\r\n`;
  statusLines.set(code, made);
  return made;
}

/** What is sent of a body that is there as a whole, and as what when nobody says. */
function wholeOf({ headers, body }: Answer): {
  content: string | Buffer;
  type: string | undefined;
} {
  const isSaid = headers?.["content-type"] !== undefined;
  const type = (otherwise: string) => (isSaid ? undefined : otherwise);
  if (body === undefined) return { content: "", type: undefined };
  if (typeof body === "string") return { content: body, type: type("text/plain; charset=utf-8") };
  if (Buffer.isBuffer(body)) return { content: body, type: type("application/octet-stream") };
  // Without a charset, which some clients of Kubernetes do not expect.
  return { content: JSON.stringify(body), type: type("application/json") };
}

const BODILESS: ReadonlySet<number> = new Set([204, 304]);

function framingOf(code: number, content: string | Buffer, type: string | undefined): string {
  if (BODILESS.has(code)) return "";
  const typeLine = type === undefined ? "" : `content-type: ${type}\r\n`;
  return `${typeLine}content-length: ${Buffer.byteLength(content)}\r\n`;
}

/** HOT: all in one write, where it can be one text. */
function writeWhole(socket: Socket, head: string, content: string | Buffer): void {
  if (typeof content === "string" && isAscii(head)) {
    socket.write(head + content);
    return;
  }
  socket.cork();
  socket.write(head, "latin1");
  if (content.length > 0) socket.write(content);
  socket.uncork();
}

const ASCII = /^[\t\r\n\x20-\x7e]*$/;

function isAscii(text: string): boolean {
  return ASCII.test(text);
}
