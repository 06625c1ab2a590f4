import assert from "node:assert/strict";
import { test } from "node:test";
import { Facts } from "../base/h1/facts.ts";
import { Head } from "../base/h1/head.ts";
import { askingOf, isProblem, Seen } from "./h1/asking.ts";
import { forwardedText, hopsOf } from "./h1/compose.ts";
import { Field, nameOf } from "./h2/field.ts";
import { MALFORMED, readRequestHead } from "./h2/request_head.ts";
import { answerHeaders, trailersOf } from "./head.ts";
import { LIMITS } from "./limits.ts";
import { isRefusal } from "./request.ts";

interface RequestCase {
  readonly title: string;
  readonly sent: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly client?: string;
  /** What must be there, or with `undefined` must not. */
  readonly got: Readonly<Record<string, string | undefined>>;
}

const CASES: readonly RequestCase[] = [
  {
    title: "the host is kept as it was sent, and the client is told in both manners",
    sent: { "User-Agent": "x", Traceparent: "00-1-2-03", "X-B3-TraceId": "1" },
    got: {
      Host: "Hello.localhost:8080",
      "User-Agent": "x",
      Traceparent: "00-1-2-03",
      "X-B3-TraceId": "1",
      Forwarded: 'for=192.0.2.9;host="Hello.localhost:8080";proto=http',
      "X-Forwarded-For": "192.0.2.9",
      "X-Forwarded-Host": "Hello.localhost:8080",
      "X-Forwarded-Proto": "http",
    },
  },
  {
    title: "Forwarded is made of the X-Forwarded headers when it is absent",
    sent: {
      "X-Forwarded-For": "198.51.100.1, 2001:db8::1,[2001:db8::2], 1.2.3.4:80",
      "X-Forwarded-Host": "shop.example",
      "X-Forwarded-Proto": "https",
    },
    got: {
      Forwarded:
        'for=198.51.100.1;host=shop.example;proto=https, for="[2001:db8::1]", ' +
        'for="[2001:db8::2]", for="1.2.3.4:80", for=192.0.2.9',
      "X-Forwarded-For": "198.51.100.1, 2001:db8::1, [2001:db8::2], 1.2.3.4:80, 192.0.2.9",
      "X-Forwarded-Host": "shop.example",
      "X-Forwarded-Proto": "https",
    },
  },
  {
    title: "Forwarded is continued when it is there",
    sent: { forwarded: "for=_hidden;proto=https", "X-Forwarded-For": "198.51.100.1" },
    got: {
      Forwarded:
        "for=_hidden;proto=https, " + 'for=192.0.2.9;host="Hello.localhost:8080";proto=http',
      "X-Forwarded-For": "198.51.100.1, 192.0.2.9",
    },
  },
  {
    title: "an IPv6 client is quoted and bracketed, an IPv4 one on such a socket is not",
    sent: {},
    client: "2001:db8::9",
    got: {
      Forwarded: 'for="[2001:db8::9]";host="Hello.localhost:8080";proto=http',
      "X-Forwarded-For": "2001:db8::9",
    },
  },
  {
    title: "a mapped address is told as the IPv4 one it is",
    sent: {},
    client: "::ffff:192.0.2.9",
    got: {
      Forwarded: 'for=192.0.2.9;host="Hello.localhost:8080";proto=http',
      "X-Forwarded-For": "192.0.2.9",
    },
  },
  {
    title: "quotes in what a client claims cannot end the quoted string",
    sent: { "X-Forwarded-Host": 'a";for=evil', "X-Forwarded-Proto": "ht tp" },
    got: { Forwarded: 'for=192.0.2.9;host="a\\";for=evil";proto=http' },
  },
  {
    title: "what speaks of the connection ends here, and so does what Connection names",
    sent: {
      Connection: "close, X-Secret, Content-Length, Host",
      "Keep-Alive": "timeout=5",
      "Proxy-Connection": "keep-alive",
      "Proxy-Authorization": "Basic x",
      Upgrade: "h2c",
      "HTTP2-Settings": "AAA",
      "X-Secret": "1",
      "Content-Length": "3",
      TE: "gzip",
    },
    got: {
      Connection: undefined,
      "Keep-Alive": undefined,
      "Proxy-Connection": undefined,
      "Proxy-Authorization": undefined,
      Upgrade: undefined,
      "HTTP2-Settings": undefined,
      "X-Secret": undefined,
      TE: undefined,
      "Content-Length": "3",
      Host: "Hello.localhost:8080",
    },
  },
  {
    title: "nobody outside may name a revision as the platform does",
    sent: { "Knative-Serving-Revision": "r", "knative-serving-namespace": "n" },
    got: { "Knative-Serving-Revision": undefined, "Knative-Serving-Namespace": undefined },
  },
  {
    title: "a client that takes trailers may get them, and may send them in chunks",
    sent: { TE: "trailers, deflate", Trailer: "X-Sum", "Transfer-Encoding": "chunked" },
    method: "POST",
    got: {
      Connection: "TE, keep-alive",
      TE: "trailers",
      Trailer: "X-Sum",
      "Transfer-Encoding": "chunked",
      "Content-Length": undefined,
    },
  },
  {
    title: "a method that may have a body says when it has none",
    sent: { Trailer: "X-Sum" },
    method: "POST",
    got: { "Content-Length": "0", Trailer: undefined },
  },
  {
    title: "an upgrade is asked for anew",
    sent: { Connection: "keep-alive, Upgrade", Upgrade: "websocket", "Sec-WebSocket-Key": "k" },
    got: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Key": "k" },
  },
];

const AUTHORITY = "Hello.localhost:8080";
/** In HTTP/2, a request with one of these is none. */
const OF_HTTP1 = ["Connection", "TE", "Transfer-Encoding"];

for (const { title, sent, method = "GET", client = "192.0.2.9", got } of CASES) {
  test(`request headers: ${title}`, () => {
    const seen = new Seen(client, false);
    const names = Object.keys(got);
    const pick = (flat: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, only(flat, name)]));
    assert.deepEqual(pick(plainHeaders(method, sent, seen)), got);
    if (OF_HTTP1.some((name) => sent[name] !== undefined)) return;
    assert.deepEqual(pick(streamHeaders(method, sent, seen)), got);
  });
}

test("request headers: of a client that says nothing of others, in words of the same", () => {
  for (const client of ["192.0.2.9", "::ffff:192.0.2.9", "2001:db8::1", "unknown", ""]) {
    for (const host of ["a.example", "A.example:80", "[::1]:8080", 'a"b', ""]) {
      for (const isTls of [true, false]) {
        const seen = new Seen(client, isTls);
        const hops = hopsOf(new Map(), { client, host, proto: isTls ? "https" : "http" });
        assert.equal(seen.forwarded(host, undefined), forwardedText(hops));
      }
    }
  }
});

type Sent = RequestCase["sent"];

/** What an instance gets of a request of HTTP/1.1. */
function plainHeaders(method: string, sent: Sent, seen: Seen): readonly string[] {
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`);
  const text = `${method} / HTTP/1.1\r\nHost: ${AUTHORITY}\r\n${lines.join("")}\r\n`;
  const parts = { head: new Head(LIMITS), facts: new Facts(), spare: new Head(LIMITS) };
  assert(parts.head.readRequest(Buffer.from(text), 0, text.length) > 0);
  const asking = askingOf(parts, seen);
  assert(!isProblem(asking));
  return asking.headers();
}

/** The same of one of HTTP/2. */
function streamHeaders(method: string, sent: Sent, seen: Seen): readonly string[] {
  const pseudo = { ":method": method, ":path": "/", ":scheme": "http", ":authority": AUTHORITY };
  const fields = Object.entries({ ...pseudo, ...sent }).map(([name, value]) => {
    return new Field(nameOf(name.toLowerCase()), value, false);
  });
  const asking = readRequestHead(fields, false, seen);
  assert(asking !== MALFORMED && !isRefusal(asking));
  return asking.headers();
}

test("answer headers: repeated ones stay, those of the connection go, the revision is ours", () => {
  const cookies = ["Set-Cookie", "a=1", "Set-Cookie", "b=2"];
  const hops = ["Connection", "X-Hop", "X-Hop", "1", "Keep-Alive", "timeout=5"];
  const rest = ["Varve-Revision", "forged", "Trailer", "X-Sum", "Content-Type", "text/plain"];
  const raw = [...cookies, ...hops, "Transfer-Encoding", "chunked", ...rest];
  assert.deepEqual(answerHeaders(raw, { revision: "hello-00001", isChunked: false }), [
    ...cookies,
    "Content-Type",
    "text/plain",
    "Varve-Revision",
    "hello-00001",
  ]);
});

test("trailers: what frames or routes a message may not be one", () => {
  const raw = ["X-Sum", "1", "Content-Length", "5", "Host", "a", "Transfer-Encoding", "x"];
  assert.deepEqual(trailersOf(raw), [["X-Sum", "1"]]);
});

function only(flat: readonly string[], name: string): string | undefined {
  const lower = name.toLowerCase();
  const values = flat.filter((_, at) => at % 2 === 1 && flat[at - 1]?.toLowerCase() === lower);
  assert(values.length <= 1, `${name} is there ${values.length} times`);
  return values[0];
}
