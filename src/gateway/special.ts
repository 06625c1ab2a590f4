import type { Clock } from "../base/clock.ts";
import { type AddressSet, clientOf, plain } from "./client_address.ts";
import type { Admission, Asked, Course, FlatHeaders, OnAnswer, Special } from "./course.ts";
import type { Draw } from "./draw.ts";
import type { FrontCounts } from "./front_counts.ts";
import type { Guard, Visitor } from "./guard.ts";
import type { KeySets } from "./key_sets.ts";
import type { Claims } from "./match.ts";
import { pickBackend } from "./pick.ts";
import type { Refusal } from "./refusal.ts";
import { pickMirror, type Steered, type Steering, steer, turnsOf } from "./steering.ts";
import type { Verdict } from "./token_check.ts";
import type { Witness } from "./witness.ts";

/** What all specials of a worker share. */
export interface SpecialParts {
  readonly clock: Clock;
  readonly counts: FrontCounts;
  readonly witness: Witness;
  readonly sets: KeySets;
  /** A request was let in that counts under a limit. */
  readonly spent: () => void;
  /** Proxies whose word about their clients counts. */
  readonly trusted: () => AddressSet;
  readonly newKey: () => string;
}

export interface SpecialOptions {
  readonly draw: Draw;
  readonly steering: Steering | undefined;
  readonly guard: Guard | undefined;
}

/** What one host asks of its requests beyond its split. */
export class HostSpecial implements Special {
  readonly #parts: SpecialParts;
  readonly #options: SpecialOptions;

  constructor(parts: SpecialParts, options: SpecialOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  admit(asked: Asked, admission: Admission): void {
    const { guard } = this.#options;
    const visitor = visitorOf(asked, this.#parts.trusted());
    if (guard === undefined) {
      admission.go(this.#course(asked, visitor, undefined));
      return;
    }
    const refusal = guard.check(asked, visitor);
    const verdict = refusal === undefined ? guard.token?.check(asked) : { refusal };
    const judged = (it: Verdict) => this.#judged(asked, visitor, it, admission);
    if (verdict instanceof Promise) {
      const broken = { code: 500, detail: "the token could not be checked (jwt)" };
      verdict.then(judged, () => judged({ refusal: broken }));
    } else judged(verdict ?? { claims: undefined });
  }

  #judged(asked: Asked, visitor: Visitor, verdict: Verdict, admission: Admission): void {
    const { guard } = this.#options;
    const refusal =
      "refusal" in verdict
        ? verdict.refusal
        : guard?.checkClaims(asked, visitor.client, verdict.claims);
    if (refusal !== undefined) {
      if (asked.isTrial !== true) this.#note(asked, visitor, refusal);
      admission.refuse(dressed(refusal, guard?.onAnswer(asked)));
      return;
    }
    if ("claims" in verdict) admission.go(this.#course(asked, visitor, verdict.claims));
  }

  #note(asked: Asked, { client }: Visitor, { code, detail }: Refusal): void {
    const { counts, witness } = this.#parts;
    counts.policyAnswers += 1;
    if (!witness.isOn) return;
    const { method, target, host: authority } = asked;
    const span = witness.begin(asked.header("traceparent"));
    witness.over({ span, method, target, authority, client, code, detail, ms: 0 });
  }

  #course(asked: Asked, visitor: Visitor, claims: Claims | undefined): Course {
    const { client } = visitor;
    const isSecure = visitor.scheme === "https";
    const { steering, guard } = this.#options;
    const { newKey } = this.#parts;
    const draw = turnsOf(asked, this.#options.draw);
    const steered =
      steering === undefined
        ? undefined
        : steer(steering, asked, { draw, claims, client, isSecure, newKey });
    return {
      backend: steered?.backend ?? pickBackend(draw),
      why: steered?.why ?? "split",
      target: steered?.target,
      onRequest: both(steered?.onRequest, guard?.onRequest(claims)),
      onAnswer: answerOf(steered, guard?.onAnswer(asked)),
      bodyBytesMax: guard?.bodyBytesMax,
      mirror: steering?.mirrors && pickMirror(steering.mirrors, asked),
    };
  }
}

function visitorOf(asked: Asked, trusted: AddressSet): Visitor {
  const client = clientOf(asked, trusted);
  const isBehind = !trusted.isEmpty && trusted.has(plain(asked.peer));
  const said = isBehind ? asked.header("x-forwarded-proto") : undefined;
  const scheme = said === "https" || (said === undefined && asked.isTls) ? "https" : "http";
  return { client, scheme };
}

/** An answer of our own with the headers that answers of this host have. */
function dressed(refusal: Refusal, onAnswer: OnAnswer | undefined): Refusal {
  // A preflight that was answered has said all there is to say.
  if (onAnswer === undefined || refusal.code === 204) return refusal;
  const headers = [...(refusal.headers ?? [])];
  onAnswer(refusal.code, headers);
  return { ...refusal, headers };
}

type Edit = (headers: FlatHeaders) => void;

function both(one: Edit | undefined, other: Edit | undefined): Edit | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return (headers) => {
    one(headers);
    other(headers);
  };
}

function answerOf(
  steered: Steered | undefined,
  onAnswer: OnAnswer | undefined,
): OnAnswer | undefined {
  const cookie = steered?.cookie;
  if (cookie === undefined) return onAnswer;
  return (code, headers) => {
    const through = onAnswer?.(code, headers);
    headers.push("Set-Cookie", cookie);
    return through;
  };
}
