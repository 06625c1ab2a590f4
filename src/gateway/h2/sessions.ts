import type { Clock } from "../../base/clock.ts";
import { Head } from "../../base/h1/head.ts";
import type { Endpoint } from "../backend.ts";
import { ReadBuffers } from "../h1/read_buffers.ts";
import { LIMITS } from "../limits.ts";
import { HEADS_OF_LISTS, OwnFields } from "./head_writer.ts";
import { Session, type SessionParts } from "./session.ts";
import { Chunks, Turn } from "./turn.ts";

/** The sessions with instances of HTTP/2, each shared by many requests: some for each instance. */
export class Sessions {
  readonly #clock: Clock;
  readonly #parts: SessionParts;
  readonly #open = new Map<Endpoint, Session[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#parts = {
      ...{ turn: new Turn(), chunks: new Chunks(), buffers: new ReadBuffers() },
      ...{ own: new OwnFields(clock), rows: new Head(HEADS_OF_LISTS) },
    };
  }

  /** The one with the fewest requests; a new one when none takes another. */
  take(endpoint: Endpoint): Session {
    const known = this.#open.get(endpoint) ?? [];
    let best: Session | undefined;
    for (const one of known) {
      if (one.hasRoom && one.streams.size < (best?.streams.size ?? Infinity)) best = one;
    }
    return best ?? this.#connect(endpoint);
  }

  /** They take no more; each closes when its last request is done. */
  drop(endpoint: Endpoint): void {
    const known = this.#open.get(endpoint) ?? [];
    this.#open.delete(endpoint);
    for (const session of known) session.leave();
  }

  #connect(endpoint: Endpoint): Session {
    const session = new Session(this.#parts, {
      endpoint,
      left: (one) => this.#forget(endpoint, one),
      freed: (one) => this.#returned(one),
    });
    this.#open.set(endpoint, [...(this.#open.get(endpoint) ?? []), session]);
    return session;
  }

  #returned(session: Session): void {
    session.usedAt = this.#clock.elapsed();
    const isIdle = session.streams.size === 0 && !session.isOver;
    if (isIdle && !session.isTimed) this.#time(session, LIMITS.h2InstanceIdleMs);
  }

  /** One timer a session: it finds out by itself whether there was a request in between. */
  #time(session: Session, ms: number): void {
    session.isTimed = true;
    this.#clock.after(ms, () => {
      session.isTimed = false;
      if (session.streams.size > 0 || session.isOver) return;
      const leftMs = session.usedAt + LIMITS.h2InstanceIdleMs - this.#clock.elapsed();
      if (leftMs > 0) this.#time(session, leftMs);
      else session.leave();
    });
  }

  #forget(endpoint: Endpoint, session: Session): void {
    const rest = (this.#open.get(endpoint) ?? []).filter((one) => one !== session);
    if (rest.length > 0) this.#open.set(endpoint, rest);
    else this.#open.delete(endpoint);
  }
}
