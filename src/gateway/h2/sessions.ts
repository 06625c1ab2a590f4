import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Clock } from "../../base/clock.ts";
import type { Endpoint } from "../backend.ts";
import { LIMITS } from "../limits.ts";

/** One request on a session, from its head to its close. */
export interface Lent {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
}

interface Open {
  readonly session: ClientHttp2Session;
  streams: number;
  usedAt: number;
  isTimed: boolean;
}

/** The sessions with instances of HTTP/2, each shared by many requests: some for each instance. */
export class Sessions {
  readonly #clock: Clock;
  readonly #open = new Map<Endpoint, Open[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** On the session with the fewest open streams; on a new one when none takes another. */
  request(endpoint: Endpoint, fields: readonly string[], endStream: boolean): Lent {
    const known = this.#open.get(endpoint) ?? [];
    let best: Open | undefined;
    for (const one of known) {
      if (hasRoom(one) && one.streams < (best?.streams ?? Infinity)) best = one;
    }
    const open = best ?? this.#connect(endpoint);
    const { session } = open;
    const stream = session.request(fields, { endStream, waitForTrailers: !endStream });
    open.streams += 1;
    stream.once("close", () => this.#returned(endpoint, open));
    return { session, stream };
  }

  /** They take no more; each closes when its last request is done. */
  drop(endpoint: Endpoint): void {
    const known = this.#open.get(endpoint) ?? [];
    this.#open.delete(endpoint);
    for (const { session } of known) session.close();
  }

  #connect(endpoint: Endpoint): Open {
    const { host, port } = endpoint;
    const session = connect(`http://${host.includes(":") ? `[${host}]` : host}:${port}`, {
      settings: { enablePush: false, initialWindowSize: LIMITS.h2WindowBytes },
      peerMaxConcurrentStreams: LIMITS.h2InstanceStreamsMax,
      maxHeaderListPairs: LIMITS.h2FieldsMax,
      maxSessionMemory: LIMITS.h2SessionMegabytesMax,
    });
    const open: Open = { session, streams: 0, usedAt: 0, isTimed: false };
    this.#open.set(endpoint, [...(this.#open.get(endpoint) ?? []), open]);
    const forget = () => this.#forget(endpoint, open);
    // Who has a stream there learns of it too, and tells.
    session.on("error", forget);
    session.on("close", forget);
    session.on("goaway", () => {
      forget();
      session.close();
    });
    session.on("connect", () => session.setLocalWindowSize(LIMITS.h2SessionWindowBytes));
    return open;
  }

  #returned(endpoint: Endpoint, open: Open): void {
    open.streams -= 1;
    open.usedAt = this.#clock.elapsed();
    if (open.streams === 0 && !open.isTimed) this.#time(endpoint, open, LIMITS.h2InstanceIdleMs);
  }

  /** One timer a session: it finds out by itself whether there was a request in between. */
  #time(endpoint: Endpoint, open: Open, ms: number): void {
    open.isTimed = true;
    this.#clock.after(ms, () => {
      open.isTimed = false;
      if (open.streams > 0 || open.session.closed) return;
      const leftMs = open.usedAt + LIMITS.h2InstanceIdleMs - this.#clock.elapsed();
      if (leftMs > 0) {
        this.#time(endpoint, open, leftMs);
        return;
      }
      this.#forget(endpoint, open);
      open.session.close();
    });
  }

  #forget(endpoint: Endpoint, open: Open): void {
    const rest = (this.#open.get(endpoint) ?? []).filter((one) => one !== open);
    if (rest.length > 0) this.#open.set(endpoint, rest);
    else this.#open.delete(endpoint);
  }
}

function hasRoom({ session, streams }: Open): boolean {
  if (session.closed || session.destroyed) return false;
  const theirs = session.remoteSettings?.maxConcurrentStreams ?? LIMITS.h2InstanceStreamsMax;
  return streams < Math.min(theirs, LIMITS.h2InstanceStreamsMax);
}
