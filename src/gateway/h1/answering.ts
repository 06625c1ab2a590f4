import type { Socket } from "node:net";
import type { Transform } from "node:stream";
import { textOf } from "../../base/h1/bytes.ts";
import type { DateLine } from "../../base/h1/date_line.ts";
import type { OnAnswer } from "../course.ts";
import { removeHeader } from "../course.ts";
import type { Asking } from "./asking.ts";
import { type H1Answer, lastChunk } from "./channel.ts";
import { answerText, informationText, upgradeText, type Way } from "./compose.ts";
import { linesOf, partsOf } from "./coursing.ts";

/** Who writes answers, and is told when there is room again, and when one is whole. */
export interface Writer {
  /** The instance may go on. */
  more(): void;
  /** The last byte is written. */
  whole(): void;
  cut(): void;
}

/** A piece up to this is copied into the text it follows: one write for an answer that is small. */
const SMALL_BYTES = 4_096;
const CRLF = "\r\n";

/** Writes answers to one client, each head with what has come of its body. */
export class Answering {
  readonly #socket: Socket;
  readonly #dateLine: DateLine;
  readonly #writer: Writer;
  #way: Way = "empty";
  #text = "";
  #isFree = true;
  /** What the body goes through on its way, such as a compression. */
  #through: Transform | undefined;
  #taken: (() => void) | undefined;

  constructor(socket: Socket, dateLine: DateLine, writer: Writer) {
    this.#socket = socket;
    this.#dateLine = dateLine;
    this.#writer = writer;
  }

  /** The end of the connection will be that of the answer. */
  get isUntilClose(): boolean {
    return this.#way === "close";
  }

  /**
   * The head of an answer, which `onAnswer` may change. Answers whether the end of the connection
   * is the end of its body.
   */
  begin(answer: H1Answer, asking: Asking, parts: BeginParts): boolean {
    const { revision, isLast, onAnswer } = parts;
    const { head, facts } = answer;
    this.#way = wayOf(answer, asking);
    const isClose = isLast || this.#way === "close";
    const isKept = asking.minor === 0 && !isClose;
    const dateLine = facts.hasDate ? "" : this.#dateLine.get();
    const text = answerText(head, facts, { way: this.#way, revision, isClose, isKept, dateLine });
    if (onAnswer === undefined) {
      this.#text += text;
      return isClose;
    }
    return this.#change(text, { answer, asking, onAnswer, isClose });
  }

  /** An answer ahead of the answer. */
  inform({ head, facts }: H1Answer): void {
    this.#text += informationText(head, facts);
  }

  /** The connection speaks another protocol behind this head, which `onAnswer` may change. */
  upgrade({ head, facts }: H1Answer, revision: string, onAnswer: OnAnswer | undefined): void {
    const text = upgradeText(head, facts, revision);
    this.#text += onAnswer === undefined ? text : changed(text, onAnswer);
    this.flush();
  }

  /** A piece of the body, lent as to `Caller.received`. False: the client is slower. */
  body(bytes: Buffer, from: number, to: number, isLasting: boolean): boolean {
    const through = this.#through;
    if (through === undefined) return this.#write(bytes, from, to, isLasting);
    const isRoom = through.write(Buffer.from(bytes.subarray(from, to)));
    if (!isRoom) through.once("drain", () => this.#writer.more());
    return isRoom;
  }

  /** The body is whole. `Writer.whole` follows, at once where nothing is in between. */
  end(trailers: readonly string[]): void {
    const through = this.#through;
    if (through === undefined) this.#end(trailers);
    else through.end();
  }

  /** Sends what was kept together. False: the client is slower. */
  flush(): boolean {
    if (this.#text === "") return this.#isFree;
    const text = this.#text;
    this.#text = "";
    // What waits already is told of by the write that is last.
    if (this.#isFree) this.#isFree = this.#socket.write(text, "latin1");
    else this.#socket.write(text, "latin1", this.#taken);
    return this.#isFree;
  }

  /** The client takes more. */
  drained(): void {
    this.#isFree = true;
    if (this.#through === undefined) this.#writer.more();
    else this.#through.resume();
  }

  close(): void {
    this.#through?.destroy();
  }

  #write(bytes: Buffer, from: number, to: number, isLasting: boolean): boolean {
    const way = this.#way;
    if (way === "empty") return true;
    const length = to - from;
    const isChunked = way === "chunked";
    if (isChunked) this.#text += length.toString(16) + CRLF;
    if (length <= SMALL_BYTES) {
      this.#text += textOf(bytes, from, to);
      if (isChunked) this.#text += CRLF;
      return this.#text.length <= SMALL_BYTES * 4 ? this.#isFree : this.flush();
    }
    const socket = this.#socket;
    this.#taken ??= () => {
      if (!this.#isFree && socket.writableLength === 0) this.drained();
    };
    const piece = bytes.subarray(from, to);
    socket.cork();
    this.flush();
    socket.write(isLasting ? piece : Buffer.from(piece), this.#taken);
    socket.uncork();
    if (isChunked) this.#text = CRLF;
    this.#isFree = socket.writableLength === 0;
    return this.#isFree;
  }

  #end(trailers: readonly string[]): void {
    if (this.#way === "chunked") this.#text += lastChunk(trailers);
    this.#way = "empty";
    this.flush();
    this.#writer.whole();
  }

  /** A head that policies change, and a body that they may put through something. */
  #change(text: string, { answer, asking, onAnswer, isClose }: Changing): boolean {
    const { line, headers } = partsOf(text);
    const through = onAnswer(answer.code, headers);
    if (through === undefined || this.#way === "empty") {
      through?.destroy();
      this.#text += `${line}${CRLF}${linesOf(headers)}${CRLF}`;
      return isClose;
    }
    removeHeader(headers, "content-length");
    removeHeader(headers, "transfer-encoding");
    this.#way = asking.minor === 1 ? "chunked" : "close";
    if (this.#way === "chunked") headers.push("Transfer-Encoding", "chunked");
    this.#text += `${line}${CRLF}${linesOf(headers)}${CRLF}`;
    this.#put(through);
    return isClose || this.#way === "close";
  }

  #put(through: Transform): void {
    this.#through = through;
    through.on("data", (bytes: Buffer) => {
      const isFree = this.#write(bytes, 0, bytes.length, true);
      if (!this.flush() || !isFree) through.pause();
    });
    through.on("error", () => this.#writer.cut());
    through.on("end", () => {
      this.#through = undefined;
      this.#end([]);
    });
  }
}

export interface BeginParts {
  readonly revision: string;
  /** The connection ends with this answer. */
  readonly isLast: boolean;
  readonly onAnswer: OnAnswer | undefined;
}

interface Changing {
  readonly answer: H1Answer;
  readonly asking: Asking;
  readonly onAnswer: OnAnswer;
  readonly isClose: boolean;
}

function wayOf(answer: H1Answer, asking: Asking): Way {
  const { code, bodyBytes, facts } = answer;
  if (asking.method === "HEAD" || code === 204 || code === 304 || code === 205) return "empty";
  if (bodyBytes >= 0 && !facts.isChunked) return "length";
  return asking.minor === 1 ? "chunked" : "close";
}

/** A head without a body, as policies will have it. */
function changed(text: string, onAnswer: OnAnswer): string {
  const { line, headers } = partsOf(text);
  onAnswer(101, headers)?.destroy();
  return `${line}${CRLF}${linesOf(headers)}${CRLF}`;
}
