import type { Outgoing } from "./caller.ts";
import { removeHeader } from "./course.ts";
import { type Span, traceparentOf } from "./trace_context.ts";

const TRACEPARENT = /\r\ntraceparent:[^\r]*/gi;
/** Where a trace begins here, what others have noted of another one is of no use. */
const BOTH = /\r\ntrace(?:parent|state):[^\r]*/gi;

/** The request as its instance gets it: part of our span, which is part of the client's. */
export function traced(outgoing: Outgoing, span: Span): Outgoing {
  const { method, target, authority, hasBody, isChunked, upgrade } = outgoing;
  const traceparent = traceparentOf(span);
  const isFirst = span.parentId === undefined;
  const bare = outgoing.text.replaceAll(isFirst ? BOTH : TRACEPARENT, "");
  return {
    ...{ method, target, authority, hasBody, isChunked, upgrade },
    text: `${bare.slice(0, -2)}traceparent: ${traceparent}\r\n\r\n`,
    headers() {
      const headers = [...outgoing.headers()];
      removeHeader(headers, "traceparent");
      if (isFirst) removeHeader(headers, "tracestate");
      headers.push("traceparent", traceparent);
      return headers;
    },
  };
}
