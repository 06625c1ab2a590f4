import assert from "node:assert/strict";
import { test } from "node:test";
import { Taken } from "./h1/asking.ts";
import { readTraceparent, traceparentIn } from "./trace_context.ts";
import { traced } from "./traced.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const SAMPLED = { traceId: TRACE, parentId: PARENT, isSampled: true };

test("a traceparent is read as W3C Trace Context has it, or not at all", () => {
  const cases = [
    { title: "sampled", said: `00-${TRACE}-${PARENT}-01`, means: SAMPLED },
    { title: "not", said: `00-${TRACE}-${PARENT}-02`, means: { ...SAMPLED, isSampled: false } },
    { title: "a later version", said: `cc-${TRACE}-${PARENT}-01`, means: SAMPLED },
    { title: "a later version, and more", said: `01-${TRACE}-${PARENT}-01-x`, means: SAMPLED },
    { title: "more than there is", said: `00-${TRACE}-${PARENT}-01-x`, means: undefined },
    { title: "no version", said: `ff-${TRACE}-${PARENT}-01`, means: undefined },
    { title: "no trace", said: `00-${"0".repeat(32)}-${PARENT}-01`, means: undefined },
    { title: "no span", said: `00-${TRACE}-${"0".repeat(16)}-01`, means: undefined },
    { title: "capitals", said: `00-${TRACE.toUpperCase()}-${PARENT}-01`, means: undefined },
    { title: "nothing", said: undefined, means: undefined },
  ];
  for (const { title, said, means } of cases) assert.deepEqual(readTraceparent(said), means, title);
});

const LINE = `traceparent: 00-${TRACE}-${PARENT}-01`;
const STATE = "tracestate: a=b";

test("space around it does not count, and of two headers nobody can tell which is meant", () => {
  const said = `00-${TRACE}-${PARENT}-01`;
  assert.equal(traceparentIn(asking(`TraceParent:\t${said} \t`)), said);
  assert.equal(traceparentIn(asking(LINE, "X: y", LINE)), undefined);
});

test("where a trace begins here, nothing of another goes on; else what others noted does", () => {
  const span = { traceId: TRACE, spanId: "1".repeat(16), parentId: undefined, isSampled: true };
  const ours = `traceparent: 00-${TRACE}-${span.spanId}-01`;
  const first = traced(asking(LINE, STATE, "X: y", LINE), span);
  assert.equal(first.text, `GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n${ours}\r\n\r\n`);
  assert.deepEqual(first.headers(), ["Host", "a", "X", "y", ...ours.split(": ")]);
  const next = traced(asking(LINE, STATE), { ...span, parentId: PARENT });
  assert.equal(next.text, `GET / HTTP/1.1\r\nHost: a\r\n${STATE}\r\n${ours}\r\n\r\n`);
  assert.deepEqual(next.headers(), ["Host", "a", "tracestate", "a=b", ...ours.split(": ")]);
});

function asking(...lines: readonly string[]): Taken {
  const text = ["GET / HTTP/1.1", "Host: a", ...lines, "", ""].join("\r\n");
  return new Taken("GET", "a", "a", text, {
    ...{ minor: 1, hasBody: false, isChunked: false, isExpecting: false, isKeepAlive: true },
    ...{ bodyLength: 0, upgrade: undefined },
  });
}
