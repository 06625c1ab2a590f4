import type { AddressSet } from "./client_address.ts";
import { clientOf } from "./client_address.ts";
import type { Admission, Asked, Course, FlatHeaders, OnAnswer, Special } from "./course.ts";
import type { Draw } from "./draw.ts";
import { pickBackend } from "./pick.ts";
import { pickMirror, type Steered, type Steering, steer } from "./steering.ts";

/** What all specials of a worker share. */
export interface SpecialParts {
  /** Proxies whose word about their clients counts. */
  readonly trusted: () => AddressSet;
  readonly newKey: () => string;
}

export interface SpecialOptions {
  readonly draw: Draw;
  readonly steering: Steering | undefined;
}

/** What one host asks of its requests beyond its split. */
export function makeSpecial(parts: SpecialParts, options: SpecialOptions): Special {
  return new HostSpecial(parts, options);
}

class HostSpecial implements Special {
  readonly #parts: SpecialParts;
  readonly #options: SpecialOptions;

  constructor(parts: SpecialParts, options: SpecialOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  admit(asked: Asked, admission: Admission): void {
    admission.go(this.#courseOf(asked, clientOf(asked, this.#parts.trusted())));
  }

  #courseOf(asked: Asked, client: string): Course {
    const { draw, steering } = this.#options;
    const { newKey } = this.#parts;
    const steered =
      steering === undefined
        ? undefined
        : steer(steering, asked, { draw, claims: undefined, client, newKey });
    return {
      backend: steered?.backend ?? pickBackend(draw),
      why: steered?.why ?? "split",
      target: steered?.target,
      onRequest: steered?.onRequest,
      onAnswer: answerOf(steered),
      bodyBytesMax: undefined,
      mirror: steering?.mirrors && pickMirror(steering.mirrors),
    };
  }
}

function answerOf(steered: Steered | undefined): OnAnswer | undefined {
  const cookie = steered?.cookie;
  if (cookie === undefined) return undefined;
  return (_code, headers: FlatHeaders) => {
    headers.push("Set-Cookie", cookie);
    return undefined;
  };
}
