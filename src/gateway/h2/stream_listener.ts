import {
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Asked } from "../course.ts";
import type { ExchangeParts } from "../exchange_parts.ts";
import { joinedValueOf, lastValueOf } from "../head.ts";
import { LIMITS } from "../limits.ts";
import { type Inbound, isRefusal } from "../request.ts";
import { type Routing, routeRequest } from "../route.ts";
import { type Attack, Budget } from "./defences.ts";
import { readStreamHead } from "./fields.ts";
import { StreamCaller } from "./stream_caller.ts";

export interface StreamListenerOptions extends ExchangeParts, Routing {
  /** Where connections that are closed for what they do are counted. */
  readonly counts: Record<Attack, number>;
}

/** What is kept of one connection. */
interface Open {
  streams: number;
  readonly resets: Budget;
}

const { NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_FLAG_END_STREAM } = constants;

/** A GOAWAY with this says only that the end is near: what is on its way still counts. */
const LAST_STREAM = 2 ** 31 - 1;

/** In nghttp2: too much to acknowledge, too many fields in SETTINGS, CONTINUATION without end. */
const FLOODS = new Set([-904, -906, -905]);

const SWEEP_MS = 100;

/** The front for HTTP/2: takes connections, and makes an exchange of each stream. */
export class StreamListener {
  readonly #options: StreamListenerOptions;
  readonly #server: Http2Server;
  readonly #open = new Map<ServerHttp2Session, Open>();
  #isClosing = false;

  constructor(options: StreamListenerOptions) {
    this.#options = options;
    this.#server = createServer({
      settings: {
        maxConcurrentStreams: LIMITS.h2StreamsMax,
        initialWindowSize: LIMITS.h2WindowBytes,
        maxHeaderListSize: LIMITS.headBytesMax,
      },
      maxHeaderListPairs: LIMITS.h2FieldsMax,
      maxSessionMemory: LIMITS.h2SessionMegabytesMax,
      maxSessionInvalidFrames: LIMITS.h2InvalidFramesMax,
      maxSessionRejectedStreams: LIMITS.h2RejectedStreamsMax,
      // Node counts without telling, so its count comes after ours.
      streamResetBurst: LIMITS.h2ResetsMax * 10,
      streamResetRate: LIMITS.h2ResetsPerSecond * 10,
      unknownProtocolTimeout: LIMITS.headMs,
    });
    this.#server.on("session", (session) => this.#greet(session));
    this.#server.on("stream", (stream, _, flags, fields) => this.#take(stream, flags, fields));
    this.#server.on("sessionError", () => {});
  }

  /** A connection whose first bytes are those of HTTP/2, read or not. */
  take(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /**
   * Tells clients that the end is near; what they have sent until they know of it is served. Then
   * no more, and it resolves when the last stream is done.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    const { clock } = this.#options;
    for (const session of this.#open.keys()) session.goaway(NGHTTP2_NO_ERROR, LAST_STREAM);
    if (this.#open.size > 0) await clock.sleep(LIMITS.farewellMs);
    for (const session of this.#open.keys()) session.close();
    while (this.#open.size > 0) await clock.sleep(SWEEP_MS);
  }

  #greet(session: ServerHttp2Session): void {
    const { clock } = this.#options;
    const budget = (max: number, perSecond: number) => new Budget({ max, perSecond, clock });
    const open = { streams: 0, resets: budget(LIMITS.h2ResetsMax, LIMITS.h2ResetsPerSecond) };
    this.#open.set(session, open);
    session.once("close", () => this.#open.delete(session));
    session.setLocalWindowSize(LIMITS.h2SessionWindowBytes);
    session.setTimeout(LIMITS.keepAliveMs, () => {
      if (open.streams === 0) session.close();
    });
    session.on("error", (error: NodeJS.ErrnoException) => this.#failed(error));
    const pings = budget(LIMITS.h2PingsMax, LIMITS.h2PingsPerSecond);
    const settings = budget(LIMITS.h2SettingsMax, LIMITS.h2SettingsPerSecond);
    session.on("ping", () => this.#spend(session, pings, "h2Pings"));
    session.on("remoteSettings", () => this.#spend(session, settings, "h2Settings"));
    if (this.#isClosing) session.goaway(NGHTTP2_NO_ERROR, LAST_STREAM);
  }

  #take(stream: ServerHttp2Stream, flags: number, fields: readonly string[]): void {
    // It, or its connection, may have come to an end in the same read as it came.
    stream.on("error", () => {});
    const { session } = stream;
    const open = session && this.#open.get(session as ServerHttp2Session);
    if (session === undefined || open === undefined) return;
    if (stream.closed || stream.destroyed) {
      this.#spend(session as ServerHttp2Session, open.resets, "h2Resets");
      return;
    }
    open.streams += 1;
    stream.once("close", () => {
      open.streams -= 1;
      if (stream.aborted) this.#spend(session as ServerHttp2Session, open.resets, "h2Resets");
    });
    const hasBody = (flags & NGHTTP2_FLAG_END_STREAM) === 0;
    const inbound = readStreamHead(fields, hasBody);
    const { socket } = session;
    const client = socket.remoteAddress ?? "unknown";
    const scheme = session.encrypted === true ? ("https" as const) : ("http" as const);
    const isBad = isRefusal(inbound);
    const caller = new StreamCaller({
      ...{ clock: this.#options.clock, stream, client, scheme },
      inbound: isBad ? unread(fields, hasBody) : inbound,
    });
    if (isBad) {
      caller.refused(inbound);
      return;
    }
    routeRequest(this.#options, inbound.host, {
      asked: () => askedOf(caller),
      go: (backend, course) => {
        if (!stream.closed) caller.begin(this.#options, backend, course);
      },
      refuse: (refusal) => caller.refused(refusal),
    });
  }

  #spend(session: ServerHttp2Session, budget: Budget, attack: Attack): void {
    if (session.destroyed || budget.spend()) return;
    this.#options.counts[attack] += 1;
    session.goaway(NGHTTP2_ENHANCE_YOUR_CALM);
    session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Node and nghttp2 have ended it, for what has no meaning or no end. */
  #failed({ code, errno = 0 }: NodeJS.ErrnoException): void {
    const isFlood = code === "ERR_HTTP2_TOO_MANY_INVALID_FRAMES" || FLOODS.has(errno);
    if (isFlood) this.#options.counts.h2Frames += 1;
  }
}

/** The stream as rules and policies see it. */
function askedOf({ inbound, address, scheme }: StreamCaller): Asked {
  const { method, target, host, rawHeaders, hasBody } = inbound;
  const length = lastValueOf(rawHeaders, "content-length");
  const known = length === undefined ? undefined : Number(length);
  return {
    ...{ method, target, host, peer: address },
    isTls: scheme === "https",
    bodyBytes: hasBody ? known : 0,
    header: (name) => joinedValueOf(rawHeaders, name),
  };
}

/** As much of a head that cannot be read as its refusal needs. */
function unread(fields: readonly string[], hasBody: boolean): Inbound {
  const rawHeaders = fields.filter((_, at) => !(fields[at - (at % 2)] ?? "").startsWith(":"));
  const method = fields[fields.indexOf(":method") + 1] ?? "GET";
  const none = { target: "", authority: "", host: "", isChunked: false, upgrade: undefined };
  return { ...none, method, rawHeaders, hasBody };
}
