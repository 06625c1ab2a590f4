import type { Transform } from "node:stream";
import type { Backend } from "./backend.ts";
import type { Refusal } from "./refusal.ts";

/** What rules and policies ask of a request, by whichever protocol it came. */
export interface Asked {
  readonly method: string;
  /** "/path?query", or "*". */
  readonly target: string;
  /** In lower case, without the port. */
  readonly host: string;
  /** The address at the other end of the connection. */
  readonly peer: string;
  readonly isTls: boolean;
  /** Bytes of the body, where they are known; nothing when it is chunked. */
  readonly bodyBytes: number | undefined;
  /** Nobody has sent it: it is asked what would be done, and must not count. */
  readonly isTrial?: boolean;
  /** The value under a name in lower case; of several, one text with commas between them. */
  header(name: string): string | undefined;
}

/** Headers on their way, a name and a value in turn: changed in place. */
export type FlatHeaders = string[];

/**
 * Where a request goes that rules or policies have looked at, and what is done to it on the way.
 * What is `undefined` is not to be done, and costs one test.
 */
export interface Course {
  readonly backend: Backend;
  /** Which rule decided, in words: for logs and for `varve explain`. */
  readonly why: string;
  /** What the instance is asked for, when it is not what the client asked for. */
  readonly target: string | undefined;
  /** Changes the headers that the instance gets. */
  readonly onRequest: ((headers: FlatHeaders) => void) | undefined;
  /** Changes the head that the client gets; answers with what the body must go through, if so. */
  readonly onAnswer: OnAnswer | undefined;
  /** A body that turns out longer is refused, or cut where its answer has begun. */
  readonly bodyBytesMax: number | undefined;
  /** Who gets a copy. */
  readonly mirror: Backend | undefined;
}

export type OnAnswer = (code: number, headers: FlatHeaders) => Transform | undefined;

/** Who waits to hear whether a request may go on. Exactly one of the two is called, once. */
export interface Admission {
  go(course: Course): void;
  refuse(refusal: Refusal): void;
}

/**
 * What a rule asks of its requests beyond its shares: policies, and who is sent elsewhere. Absent
 * from most rules.
 */
export interface Special {
  /** Decides now, or later where keys must be fetched first. */
  admit(asked: Asked, admission: Admission): void;
}

/** The last value under a name of a flat list, whatever its case. */
export function valueIn(headers: FlatHeaders, name: string): string | undefined {
  for (let at = headers.length - 2; at >= 0; at -= 2) {
    const raw = headers[at] as string;
    if (raw.length === name.length && raw.toLowerCase() === name) return headers[at + 1];
  }
  return undefined;
}

/** Takes out every value under a name in lower case. */
export function removeHeader(headers: FlatHeaders, name: string): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) {
    const raw = headers[at] as string;
    if (raw.length === name.length && raw.toLowerCase() === name) headers.splice(at, 2);
  }
}

/** Puts one value in the place of all that were there. */
export function setHeader(headers: FlatHeaders, name: string, value: string): void {
  removeHeader(headers, name.toLowerCase());
  headers.push(name, value);
}
