import type { Outgoing } from "./caller.ts";
import { removeHeader } from "./course.ts";
import { type Span, traceparentOf } from "./witness.ts";

const TRACEPARENT = /\r\ntraceparent: *([^\r]*)/i;

/** What a request says of the trace that it is part of. */
export function traceparentIn({ text }: Outgoing): string | undefined {
  return TRACEPARENT.exec(text)?.[1];
}

/** The request as its instance gets it: part of our span, which is part of the client's. */
export function traced(outgoing: Outgoing, span: Span): Outgoing {
  const { method, target, authority, hasBody, isChunked, upgrade } = outgoing;
  const traceparent = traceparentOf(span);
  const bare = outgoing.text.replace(TRACEPARENT, "");
  return {
    ...{ method, target, authority, hasBody, isChunked, upgrade },
    text: `${bare.slice(0, -2)}traceparent: ${traceparent}\r\n\r\n`,
    headers() {
      const headers = [...outgoing.headers()];
      removeHeader(headers, "traceparent");
      headers.push("traceparent", traceparent);
      return headers;
    },
  };
}
