import type { Outgoing } from "./caller.ts";

/** Where a request stands in a trace (W3C Trace Context). */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly isSampled: boolean;
}

/** What a request says of the span that it was sent in. */
export interface Parent extends Pick<Span, "traceId" | "isSampled"> {
  readonly parentId: string;
}

const HEADERS = /\r\ntraceparent:[ \t]*([^\r]*)/gi;
/** Later versions may have more behind what this one has. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;
const SAMPLED = 1;

/** What the one header says; of two, nobody can tell which is meant. */
export function traceparentIn({ text }: Outgoing): string | undefined {
  const [one, other] = text.matchAll(HEADERS);
  return other === undefined ? one?.[1]?.trimEnd() : undefined;
}

/** Nothing when it is none: then a trace begins here. */
export function readTraceparent(text: string | undefined): Parent | undefined {
  const [, version, traceId = "", parentId = "", flags = "", more] =
    TRACEPARENT.exec(text ?? "") ?? [];
  if (version === undefined || version === "ff") return undefined;
  if (version === "00" && more !== undefined) return undefined;
  if (ZEROS.test(traceId) || ZEROS.test(parentId)) return undefined;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** What an instance is told of the span that its own are part of. */
export function traceparentOf({ traceId, spanId, isSampled }: Span): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}
