import * as Code from "./codes.ts";
import { block, frame, request, requestFields, settings, uint32, widen } from "./raw_peer.ts";

/** Whom the corpus asks. */
export const HOST = "a.localhost";
/** Where nobody takes what is sent. */
export const COLD_HOST = "cold.localhost";

export const GET = requestFields(HOST);
const POST = requestFields(HOST, "POST");
const { END_STREAM, END_HEADERS, PADDED, HAS_PRIORITY } = Code;
const HALF = block(...GET);

const COLD = requestFields(COLD_HOST, "POST");

/** As much as a stream may carry that nobody takes. */
function windowful(id: number): Buffer[] {
  return Array.from({ length: 16 }, () => frame(Code.DATA, 0, id, Buffer.alloc(16_384)));
}

/** What is served all the same, and as what. */
export interface Odd {
  readonly title: string;
  readonly says: readonly Buffer[];
  readonly gets: string;
}

/** What a client says that may not be said. */
export interface Wrong {
  readonly title: string;
  readonly says: readonly Buffer[];
  /** Of a GOAWAY, or of the RST_STREAM of stream 1. */
  readonly code: number;
}

/** What ends a connection. */
export const OF_CONNECTIONS: readonly Wrong[] = [
  { title: "a head in stream 0", says: [request(0, GET)], code: Code.PROTOCOL_ERROR },
  { title: "a head in an even stream", says: [request(2, GET)], code: Code.PROTOCOL_ERROR },
  {
    title: "a head of a stream that was left out",
    says: [request(5, GET), request(3, GET)],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "DATA in a stream that is not open",
    says: [frame(Code.DATA, 0, 1, Buffer.from("x"))],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "DATA in a stream that would be ours",
    says: [request(5, GET), frame(Code.DATA, 0, 2, Buffer.from("x"))],
    code: Code.PROTOCOL_ERROR,
  },
  { title: "DATA in stream 0", says: [frame(Code.DATA, 0, 0)], code: Code.PROTOCOL_ERROR },
  {
    title: "padding that is longer than its frame",
    says: [request(1, POST, false), frame(Code.DATA, PADDED, 1, Buffer.from("\x05abc"))],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "padding of a head that is longer than it",
    says: [frame(Code.HEADERS, 13, 1, Buffer.concat([Buffer.of(200), HALF]))],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "a head too short for its priority",
    says: [frame(Code.HEADERS, END_HEADERS | HAS_PRIORITY, 1, Buffer.alloc(4))],
    code: Code.FRAME_SIZE_ERROR,
  },
  {
    title: "a frame that is too large",
    says: [frame(99, 0, 0, Buffer.alloc(16_385))],
    code: Code.FRAME_SIZE_ERROR,
  },
  {
    title: "a block that makes no sense",
    says: [frame(Code.HEADERS, 5, 1, Buffer.of(0x80))],
    code: Code.COMPRESSION_ERROR,
  },
  {
    title: "something between the parts of a head",
    says: [frame(Code.HEADERS, 1, 1, HALF), frame(Code.PING, 0, 0, Buffer.alloc(8))],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "DATA between the parts of a head",
    says: [frame(Code.HEADERS, 1, 1, HALF), frame(Code.DATA, 0, 1)],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "a part of a head that was not begun",
    says: [frame(Code.CONTINUATION, END_HEADERS, 1, HALF)],
    code: Code.PROTOCOL_ERROR,
  },
  { title: "a promise", says: [frame(Code.PUSH_PROMISE, 4, 1)], code: Code.PROTOCOL_ERROR },
  {
    title: "a PING of seven bytes",
    says: [frame(Code.PING, 0, 0, Buffer.alloc(7))],
    code: Code.FRAME_SIZE_ERROR,
  },
  {
    title: "a PING in a stream",
    says: [frame(Code.PING, 0, 1, Buffer.alloc(8))],
    code: Code.PROTOCOL_ERROR,
  },
  { title: "a window that grows by nothing", says: [widen(0, 0)], code: Code.PROTOCOL_ERROR },
  {
    title: "a window beyond all bounds",
    says: [widen(0, 2 ** 31 - 1)],
    code: Code.FLOW_CONTROL_ERROR,
  },
  { title: "a window of an idle stream", says: [widen(7, 1)], code: Code.PROTOCOL_ERROR },
  {
    title: "a window of three bytes",
    says: [frame(Code.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))],
    code: Code.FRAME_SIZE_ERROR,
  },
  {
    title: "a reset of an idle stream",
    says: [frame(Code.RST_STREAM, 0, 1, uint32(8))],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "a priority in stream 0",
    says: [frame(Code.PRIORITY, 0, 0, Buffer.alloc(5))],
    code: Code.PROTOCOL_ERROR,
  },
  { title: "SETTINGS in a stream", says: [frame(Code.SETTINGS, 0, 1)], code: Code.PROTOCOL_ERROR },
  {
    title: "SETTINGS of five bytes",
    says: [frame(Code.SETTINGS, 0, 0, Buffer.alloc(5))],
    code: Code.FRAME_SIZE_ERROR,
  },
  {
    title: "SETTINGS that say and acknowledge",
    says: [frame(Code.SETTINGS, 1, 0, Buffer.alloc(6))],
    code: Code.FRAME_SIZE_ERROR,
  },
  { title: "frames that are too small", says: [settings([5, 100])], code: Code.PROTOCOL_ERROR },
  { title: "a push that is asked for twice", says: [settings([2, 2])], code: Code.PROTOCOL_ERROR },
  {
    title: "a first window that is too large",
    says: [settings([4, 2 ** 31])],
    code: Code.FLOW_CONTROL_ERROR,
  },
  {
    title: "a window that grows too large with the first one",
    says: [request(1, POST, false), widen(1, 2 ** 31 - 1 - 65_535), settings([4, 65_536])],
    code: Code.FLOW_CONTROL_ERROR,
  },
  {
    title: "more SETTINGS than there are",
    says: [settings(...Array.from({ length: 33 }, (): [number, number] => [3, 1]))],
    code: Code.ENHANCE_YOUR_CALM,
  },
  {
    title: "more DATA than there is a window for",
    says: [1, 3, 5, 7, 9].flatMap((id) => [request(id, COLD, false), ...windowful(id)]),
    code: Code.FLOW_CONTROL_ERROR,
  },
  { title: "GOAWAY in a stream", says: [frame(Code.GOAWAY, 0, 1, uint32(0, 0))], code: 1 },
  { title: "GOAWAY of seven bytes", says: [frame(Code.GOAWAY, 0, 0, Buffer.alloc(7))], code: 6 },
];

/** What ends a stream, and no other. */
export const OF_STREAMS: readonly Wrong[] = [
  ...[
    ...[":method", ":scheme", ":path"].map((name) => GET.filter(([it]) => it !== name)),
    ...GET.map((one) => [...GET, one]),
    [["accept", "x"] as const, ...GET],
    [...GET, [":status", "200"] as const],
    [...GET, [":path:", "/"] as const],
    [...GET, ["Accept", "x"] as const],
    [...GET, ["a b", "x"] as const],
    [...GET, ["", "x"] as const],
    [...GET, ["x", "a\r\nb: c"] as const],
    [...GET, ["x", "a\0"] as const],
    [...GET, ["x", " a"] as const],
    [...GET, ["x", "a "] as const],
    [...GET, ["connection", "x"] as const],
    [...GET, ["transfer-encoding", "chunked"] as const],
    [...GET, ["upgrade", "websocket"] as const],
    [...GET, ["keep-alive", "1"] as const],
    [...GET, ["proxy-connection", "x"] as const],
    [...GET, ["te", "gzip"] as const],
    [...GET, ["content-length", "1"] as const],
    [...GET, ["content-length", "x"] as const],
    [...GET, ["content-length", "0"] as const, ["content-length", "0"] as const],
    requestFields(HOST, "GET", ""),
    requestFields(HOST, "", "/"),
    requestFields(HOST, "G T", "/"),
    [[":method", "CONNECT"] as const, [":path", "/"] as const, [":authority", "x:1"] as const],
  ].map((fields) => ({
    title: `the head ${JSON.stringify(fields.slice(-5).flat())}`,
    says: [request(1, fields)],
    code: Code.PROTOCOL_ERROR,
  })),
  {
    title: "a body that is longer than its head says",
    says: [
      request(1, [...POST, ["content-length", "2"]], false),
      frame(Code.DATA, END_STREAM, 1, Buffer.from("abc")),
    ],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "a body that is shorter than its head says",
    says: [
      request(1, [...POST, ["content-length", "4"]], false),
      frame(Code.DATA, END_STREAM, 1, Buffer.from("abc")),
    ],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "trailers that are not the end",
    says: [request(1, POST, false), request(1, [["x-sum", "1"]], false)],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "trailers with a pseudo-field",
    says: [request(1, POST, false), request(1, [[":path", "/"]])],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "a stream that depends on itself",
    says: [request(1, POST, false), frame(Code.PRIORITY, 0, 1, uint32(1, 0).subarray(0, 5))],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "a head that depends on itself",
    says: [frame(Code.HEADERS, 37, 1, Buffer.concat([uint32(1), Buffer.of(0), HALF]))],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "a priority of four bytes",
    says: [request(1, POST, false), frame(Code.PRIORITY, 0, 1, uint32(3))],
    code: Code.FRAME_SIZE_ERROR,
  },
  {
    title: "a window of a stream that grows by nothing",
    says: [request(1, POST, false), widen(1, 0)],
    code: Code.PROTOCOL_ERROR,
  },
  {
    title: "a window of a stream beyond all bounds",
    says: [request(1, POST, false), widen(1, 2 ** 31 - 1)],
    code: Code.FLOW_CONTROL_ERROR,
  },
  {
    title: "more DATA than it has a window for",
    says: [request(1, COLD, false), ...windowful(1), frame(Code.DATA, 0, 1, Buffer.of(1))],
    code: Code.FLOW_CONTROL_ERROR,
  },
  {
    title: "DATA behind its end",
    says: [
      ...[request(1, [...POST, ["x", "slow"]], false), frame(Code.DATA, END_STREAM, 1)],
      frame(Code.DATA, 0, 1, Buffer.from("x")),
    ],
    code: Code.STREAM_CLOSED,
  },
];

/** What is served, odd as it is. */
export const IN_ORDER: readonly Odd[] = [
  {
    title: "a frame of a type that nobody knows",
    says: [frame(99, 255, 5, Buffer.from("x")), request(1, GET)],
    gets: "GET / ",
  },
  {
    title: "a head in parts, padded and with a priority",
    says: [
      frame(
        Code.HEADERS,
        END_STREAM | PADDED | HAS_PRIORITY,
        1,
        Buffer.from("\x03\0\0\0\0\x07..."),
      ),
      frame(Code.CONTINUATION, 0, 1, HALF.subarray(0, 7)),
      frame(Code.CONTINUATION, 0, 1),
      frame(Code.CONTINUATION, END_HEADERS, 1, HALF.subarray(7)),
    ],
    gets: "GET / ",
  },
  {
    title: "a body that is padded",
    says: [
      request(1, [...POST, ["content-length", "5"]], false),
      frame(Code.DATA, PADDED, 1, Buffer.from("\x04hel....")),
      frame(Code.DATA, PADDED | END_STREAM, 1, Buffer.from("\0lo")),
    ],
    gets: "POST / hello",
  },
  {
    title: "trailers, and a window of what is closed",
    says: [
      request(1, POST, false),
      frame(Code.DATA, 0, 1, Buffer.from("hello")),
      request(1, [["x-sum", "5"]]),
      widen(1, 1),
    ],
    gets: "POST / hello",
  },
  {
    title: "a PING that acknowledges what nobody asked",
    says: [frame(Code.PING, 1, 0, Buffer.alloc(8)), request(1, GET)],
    gets: "GET / ",
  },
  {
    title: "settings that nobody knows",
    says: [settings([99, 7], [3, 0]), frame(Code.SETTINGS, 1, 0), request(1, GET)],
    gets: "GET / ",
  },
  {
    title: "a priority of what is not open, and less than is asked for",
    says: [frame(Code.PRIORITY, 0, 9, uint32(3, 0).subarray(0, 5)), request(1, GET)],
    gets: "GET / ",
  },
  {
    title: "a host in the place of an authority",
    says: [request(1, [...GET.slice(0, 3), ["host", HOST]])],
    gets: "GET / ",
  },
];
