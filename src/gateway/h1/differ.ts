import { createRequire } from "node:module";
import { Socket } from "node:net";
import type { Chance } from "../../base/chance.ts";
import { Facts } from "../../base/h1/facts.ts";
import { Head } from "../../base/h1/head.ts";
import { LIMITS } from "../limits.ts";
import { type Asking, askingOf, isProblem, Seen } from "./asking.ts";
import { CORPUS } from "./corpus.ts";
import { Intake, type Reader } from "./intake.ts";
import { ReadBuffers } from "./read_buffers.ts";

/** One request as a parser has read it, to its last byte. */
export interface Message {
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
}

/** All requests that were read, and the method of each, until one that was refused or cut short. */
export interface Reading {
  readonly messages: readonly Message[];
  readonly methods: readonly string[];
}

/**
 * Where we accept on purpose what Node's parser does not:
 *
 * - methods that it does not know, for a method is any token (RFC 9110, 9.1);
 * - what follows a request that asks to change protocols and has a body: it stops there, and we
 *   serve the request without the change, as RFC 9110, 7.8 lets us.
 */
function isDocumented(method: string, before: Message | undefined): boolean {
  const asksToChange = before?.headers.some((name) => name.toLowerCase() === "upgrade") === true;
  return !KNOWN.has(method) || asksToChange;
}

const KNOWN: ReadonlySet<string> = new Set(
  (
    "DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH " +
    "SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY " +
    "SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE QUERY"
  ).split(" "),
);

/** Reads bytes as a connection of the gateway does, in these pieces. */
export function ourReading(pieces: readonly Buffer[]): Reading {
  const reader = new Recorder();
  for (const piece of pieces) reader.intake.read(piece, piece.length);
  return reader;
}

const SHARED = {
  ...{ head: new Head(LIMITS), facts: new Facts(), spare: new Head(LIMITS) },
  buffers: new ReadBuffers(),
};
const SEEN = new Seen("192.0.2.1", false);

class Recorder implements Reader, Reading {
  readonly messages: Message[] = [];
  readonly methods: string[] = [];
  readonly intake = new Intake(new Socket(), SHARED, this);
  readonly isBodyHeld = false;
  #asking: Asking | undefined;
  #head: Omit<Message, "body"> = { target: "", headers: [] };
  #body = "";
  #isOver = false;

  get isReady(): boolean {
    return this.#asking === undefined && !this.#isOver;
  }

  headBegun(): void {}

  headRead(): void {
    const { head } = SHARED;
    const asking = askingOf(SHARED, SEEN);
    if (isProblem(asking)) {
      this.#stop();
      return;
    }
    const target = head.text(head.methodEnd + 1, head.targetEnd);
    this.#head = { target, headers: head.rawHeaders() };
    this.#body = "";
    this.#asking = asking;
    this.intake.startBody(asking);
    if (this.intake.isBodyDone) this.#whole();
  }

  headBad(): void {
    this.#stop();
  }

  bodyPiece(bytes: Buffer): boolean {
    this.#body += bytes.toString("latin1");
    return true;
  }

  bodyGoing(): void {}

  bodyEnded(): void {
    this.#whole();
  }

  bodyBad(): void {
    this.#stop();
  }

  #whole(): void {
    const asking = this.#asking as Asking;
    this.messages.push({ ...this.#head, body: this.#body });
    this.methods.push(asking.method);
    this.#asking = undefined;
    // After these the connection is closed, or is no longer HTTP.
    if (!asking.isKeepAlive) this.#stop();
  }

  #stop(): void {
    this.#isOver = true;
    this.intake.stop();
  }
}

interface NodeParser {
  initialize(type: number, resource: object, headBytesMax: number, lenient: number): void;
  execute(bytes: Buffer): unknown;
  close(): void;
  [event: number]: (...args: never[]) => unknown;
}

interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const { HTTPParser } = createRequire(import.meta.url)("_http_common") as {
  readonly HTTPParser: NodeParserClass;
};

const HEAD_BYTES = 64 * 1024;

/** Reads bytes by Node's own parser, as strict as it is for servers. */
export function nodeReading(bytes: Buffer): readonly Message[] {
  const messages: Message[] = [];
  const parser = new HTTPParser();
  let headers: string[] = [];
  let target = "";
  let body = "";
  let isBegun = false;
  parser.initialize(HTTPParser.REQUEST, {}, HEAD_BYTES, 0);
  // Called ahead of a head that is long, and for trailers.
  parser[HTTPParser.kOnHeaders] = (more: string[], url: string) => {
    if (isBegun) return;
    headers.push(...more);
    target += url;
  };
  type Head = [
    major: number,
    minor: number,
    headers: string[] | undefined,
    method: number,
    url: string,
  ];
  parser[HTTPParser.kOnHeadersComplete] = (...[, , list, , url]: Head) => {
    if (list !== undefined) headers = list;
    if (url !== undefined) target = url;
    isBegun = true;
    return 0;
  };
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    body += piece.toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    messages.push({ target, headers, body });
    headers = [];
    target = "";
    body = "";
    isBegun = false;
  };
  // An error is its way to say no: what came before it counts.
  parser.execute(bytes);
  parser.close();
  return messages;
}

/** What differs in a way that it must not, in words. */
export function difference(bytes: Buffer, chance: Chance): string | undefined {
  const ours = ourReading([bytes]);
  const pieces = ourReading(cut(bytes, chance));
  if (JSON.stringify(pieces.messages) !== JSON.stringify(ours.messages)) {
    return "we read it in another way when it comes in pieces";
  }
  const theirs = nodeReading(bytes);
  for (const [at, mine] of ours.messages.entries()) {
    if (isDocumented(ours.methods[at] ?? "", ours.messages[at - 1])) return undefined;
    const other = theirs[at];
    if (other === undefined) return `we accept request ${at}, and Node's parser does not`;
    if (JSON.stringify(other) === JSON.stringify(mine)) continue;
    return `we read request ${at} as ${JSON.stringify(mine)}, Node as ${JSON.stringify(other)}`;
  }
  return undefined;
}

function cut(bytes: Buffer, chance: Chance): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + Math.floor(chance.fraction() ** 3 * 200);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** Those that are short enough to be changed many times in a second. */
export const SEEDS: readonly string[] = CORPUS.filter(({ sent }) => sent.length < 2_000).map(
  ({ sent }) => sent,
);

const MORSELS = [
  ...[
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "=",
    '"',
    "0",
    "5",
    "a",
    "\x7f",
    "\xff",
    "\x0b",
    "#",
  ],
  ...[
    "\r\n ",
    "\r\n\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "Content-Length: 5\r\n",
    "HTTP/1.1",
    "HTTP/1.0",
  ],
  ...[
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Host: h.test\r\n",
    "chunked",
  ],
  ...[
    "Connection: close\r\n",
    "Connection: upgrade\r\nUpgrade: x\r\n",
    "Expect: 100-continue\r\n",
    ", ",
  ],
  ...[
    "GET / HTTP/1.1\r\nHost: h.test\r\n\r\n",
    "POST / HTTP/1.1\r\n",
    "Content-Length: 0\r\n",
    "+",
    "-",
    "0x",
  ],
];

/** Something that a client may send: of the corpus, joined, cut and changed here and there. */
export function anyBytes(chance: Chance): Buffer {
  const any = (count: number) => Math.floor(chance.fraction() * count);
  const seed = SEEDS[any(SEEDS.length)] ?? "";
  const before = any(4) === 0 ? (SEEDS[any(SEEDS.length)]?.slice(0, any(200)) ?? "") : "";
  return Buffer.from(changed(before + seed, chance), "latin1");
}

/** The same, cut and changed here and there. */
export function changed(before: string, chance: Chance): string {
  const any = (count: number) => Math.floor(chance.fraction() * count);
  let text = before;
  for (let change = any(6); change > 0; change -= 1) {
    const at = any(Math.min(text.length, 300) + 1);
    const length = any(3) === 0 ? any(20) : any(3);
    const morsel =
      any(5) === 0 ? String.fromCharCode(any(256)) : (MORSELS[any(MORSELS.length)] ?? "");
    const isCut = any(4) === 0;
    text =
      text.slice(0, at) +
      (isCut ? "" : morsel) +
      text.slice(at + (isCut ? length : any(2) * length));
  }
  return text;
}
