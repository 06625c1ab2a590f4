/** One thing that a client may send, and what must become of it. */
export interface Attack {
  readonly title: string;
  /** As latin1, to the host "h.test". */
  readonly sent: string;
  /** Of each answer, in their order; a refusal ends the connection. */
  readonly codes: readonly number[];
  /** What the instance saw: "METHOD target body". */
  readonly seen: readonly string[];
}

const H = "Host: h.test\r\n";
const GET = `GET / HTTP/1.1\r\n${H}`;
const POST = `POST / HTTP/1.1\r\n${H}`;
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n`;
const END = "\r\n";
const NEXT = `GET /next HTTP/1.1\r\n${H}\r\n`;
/** A request that must never be seen: what hides behind another's body. */
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${H}\r\n`;

type Row = readonly [title: string, sent: string];

/** All of these are refused, with this code, before the instance sees anything. */
const REFUSED: Readonly<Record<number, readonly Row[]>> = {
  400: [
    // Two lengths.
    ["CL.TE", `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`],
    ["TE.CL", `${CHUNKED}Content-Length: 4\r\n\r\n5c\r\n${SMUGGLED}0\r\n\r\n`],
    [
      "CL.TE with a request behind",
      `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ["CL of 0 and TE", `${POST}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["two CL that differ", `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
    ["two CL that are the same", `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
    [
      "three CL",
      `${POST}Content-Length: 0\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n${SMUGGLED}`,
    ],
    ["two CL in two cases", `${POST}Content-Length: 5\r\ncONTENT-lENGTH: 6\r\n\r\nhello!`],
    ["a list in CL", `${POST}Content-Length: 5, 5\r\n\r\nhello`],
    ["a list in CL that differs", `${POST}Content-Length: 5, 6\r\n\r\nhello`],
    ["two TE", `${CHUNKED}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["two TE, one of them identity", `${CHUNKED}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n`],
    [
      "identity and chunked in two lines",
      `${POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    // Lengths that are none.
    ["CL with a plus", `${POST}Content-Length: +5\r\n\r\nhello`],
    ["CL with a minus", `${POST}Content-Length: -1\r\n\r\n`],
    ["CL in hexadecimal", `${POST}Content-Length: 0x5\r\n\r\nhello`],
    ["CL with a point", `${POST}Content-Length: 5.0\r\n\r\nhello`],
    ["CL with an exponent", `${POST}Content-Length: 5e0\r\n\r\nhello`],
    ["CL with a space inside", `${POST}Content-Length: 1 0\r\n\r\nhello`],
    ["CL with a tab inside", `${POST}Content-Length: 1\t0\r\n\r\nhello`],
    ["CL with an underscore", `${POST}Content-Length: 1_0\r\n\r\nhello`],
    ["CL that is empty", `${POST}Content-Length:\r\n\r\nhello`],
    ["CL of letters", `${POST}Content-Length: five\r\n\r\nhello`],
    ["CL in quotes", `${POST}Content-Length: "5"\r\n\r\nhello`],
    ["CL beyond 2^53", `${POST}Content-Length: 9007199254740993\r\n\r\n`],
    ["CL beyond 2^64", `${POST}Content-Length: 18446744073709551621\r\n\r\nhello`],
    ["CL of very many zeros", `${POST}Content-Length: 00000000000000000005\r\n\r\nhello`],
    ["CL with a comma at its end", `${POST}Content-Length: 5,\r\n\r\nhello`],
    ["CL with a semicolon", `${POST}Content-Length: 5;\r\n\r\nhello`],
    ["CL in digits that are not ASCII", `${POST}Content-Length: \xb2\r\n\r\nhello`],
    // Codings.
    ["chunked that is not last", `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`],
    ["identity alone", `${POST}Transfer-Encoding: identity\r\n\r\n`],
    ["gzip alone", `${POST}Transfer-Encoding: gzip\r\n\r\n`],
    ["a coding in quotes", `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`],
    ["a coding with a letter behind", `${POST}Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n`],
    ["a coding with a parameter", `${POST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`],
    ["a coding with a comma behind", `${POST}Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n`],
    ["an empty coding", `${POST}Transfer-Encoding:\r\n\r\n0\r\n\r\n`],
    ["a coding with a vertical tab", `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
    ["a coding with a form feed", `${POST}Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n`],
    ["a coding with NUL", `${POST}Transfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n`],
    ["a coding with 0xff in front", `${POST}Transfer-Encoding: \xffchunke\r\n\r\n0\r\n\r\n`],
    ["chunks in HTTP/1.0", `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    // Names.
    ["a space before the colon of TE", `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ["a tab before the colon of TE", `${POST}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`],
    ["a space before the colon of CL", `${POST}Content-Length : 5\r\n\r\nhello`],
    ["a space before the colon of Host", "GET / HTTP/1.1\r\nHost : h.test\r\n\r\n"],
    ["a space in front of TE", `${POST} Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a tab in front of TE", `${POST}\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a space within a name", `${POST}Transfer Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a name with NUL", `${POST}Transfer-Encoding\x00: chunked\r\n\r\n0\r\n\r\n`],
    ["a name with a vertical tab in front", `${POST}\x0bTransfer-Encoding: chunked\r\n\r\n`],
    ["a name with 0xa0", `${POST}Transfer\xa0Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a name with an umlaut", `${GET}X-M\xfcll: x\r\n\r\n`],
    ["a name in brackets", `${GET}[x]: y\r\n\r\n`],
    ["a name with a slash", `${GET}a/b: y\r\n\r\n`],
    ["a name with an at sign", `${GET}a@b: y\r\n\r\n`],
    ["a name with a quote", `${GET}"a": y\r\n\r\n`],
    ["a name with a comma", `${GET}a,b: y\r\n\r\n`],
    ["a name with a parenthesis", `${GET}a(b): y\r\n\r\n`],
    ["an empty name", `${GET}: y\r\n\r\n`],
    ["a line without a colon", `${GET}nothing\r\n\r\n`],
    ["a line with a colon in front", `${GET}:Transfer-Encoding: chunked\r\n\r\n`],
    // Lines.
    ["a bare LF behind the request line", `POST / HTTP/1.1\n${H}\r\n`],
    ["a bare LF behind a header", `GET / HTTP/1.1\r\nHost: h.test\n\r\n`],
    ["bare LFs alone", "GET / HTTP/1.1\nHost: h.test\n\n"],
    ["a bare LF that hides a header", `${POST}X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a bare LF at the end of the head", `GET / HTTP/1.1\r\n${H}\n`],
    ["a bare CR behind the request line", `GET / HTTP/1.1\r${H}\r\n`],
    ["a bare CR behind a header", `${GET}X: y\rZ: a\r\n\r\n`],
    ["a bare CR in a value", `${POST}X: \rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["two CR before LF", `${GET}X: y\r\r\n\r\n`],
    ["CR and no LF at the end", `${GET}\rX`],
    ["a line that goes on", `${GET}X: y\r\n z\r\n\r\n`],
    ["a line that goes on with a tab", `${GET}X: y\r\n\tz\r\n\r\n`],
    ["TE in a line that goes on", `${POST}X: y\r\n Transfer-Encoding: chunked\r\n\r\n`],
    ["a coding in the next line", `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
    ["a length in the next line", `${POST}Content-Length:\r\n 5\r\n\r\nhello`],
    ["a first header that goes on", `GET / HTTP/1.1\r\n ${H}\r\n`],
    ["NUL in a value", `${GET}X: a\x00b\r\n\r\n`],
    ["a bell in a value", `${GET}X: a\x07b\r\n\r\n`],
    ["DEL in a value", `${GET}X: a\x7fb\r\n\r\n`],
    ["an escape in a value", `${GET}X: \x1b[31m\r\n\r\n`],
    // Request lines.
    ["two spaces behind the method", `GET  / HTTP/1.1\r\n${H}\r\n`],
    ["two spaces before the version", `GET /  HTTP/1.1\r\n${H}\r\n`],
    ["a tab behind the method", `GET\t/ HTTP/1.1\r\n${H}\r\n`],
    ["a tab before the version", `GET /\tHTTP/1.1\r\n${H}\r\n`],
    ["a space in front of the method", ` GET / HTTP/1.1\r\n${H}\r\n`],
    ["a space behind the version", `GET / HTTP/1.1 \r\n${H}\r\n`],
    ["a word behind the version", `GET / HTTP/1.1 x\r\n${H}\r\n`],
    ["no target", `GET HTTP/1.1\r\n${H}\r\n`],
    ["no version", `GET /\r\n${H}\r\n`],
    ["a version in small letters", `GET / http/1.1\r\n${H}\r\n`],
    ["a version of another protocol", `GET / ICAP/1.1\r\n${H}\r\n`],
    ["a version without a point", `GET / HTTP/11\r\n${H}\r\n`],
    ["a version without digits", `GET / HTTP/\r\n${H}\r\n`],
    ["a version of two digits", `GET / HTTP/1.10\r\n${H}\r\n`],
    ["a method with a colon", `GET: / HTTP/1.1\r\n${H}\r\n`],
    ["a method in brackets", `[GET] / HTTP/1.1\r\n${H}\r\n`],
    ["a method with NUL", `GE\x00T / HTTP/1.1\r\n${H}\r\n`],
    ["a header as the first line", `${H}GET / HTTP/1.1\r\n\r\n`],
    ["TLS on the plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["NUL in the target", `GET /\x00 HTTP/1.1\r\n${H}\r\n`],
    ["a target with an umlaut", `GET /\xfc HTTP/1.1\r\n${H}\r\n`],
    ["a fragment in the target", `GET /#x HTTP/1.1\r\n${H}\r\n`],
    ["DEL in the target", `GET /\x7f HTTP/1.1\r\n${H}\r\n`],
    ["a target without a slash", `GET x HTTP/1.1\r\n${H}\r\n`],
    ["an asterisk with GET", `GET * HTTP/1.1\r\n${H}\r\n`],
    ["a host and port as the target", `GET h.test:80 HTTP/1.1\r\n${H}\r\n`],
    ["another scheme", `GET ftp://h.test/ HTTP/1.1\r\n${H}\r\n`],
    ["a user in the target", `GET http://u@h.test/ HTTP/1.1\r\n${H}\r\n`],
    ["no host in the target", `GET http:///x HTTP/1.1\r\n${H}\r\n`],
    // Hosts.
    ["no Host", "GET / HTTP/1.1\r\n\r\n"],
    ["no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"],
    ["an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"],
    ["two Hosts", `GET / HTTP/1.1\r\n${H}Host: other\r\n\r\n`],
    ["two Hosts that are the same", `GET / HTTP/1.1\r\n${H}${H}\r\n`],
    ["two Hosts in two cases", `GET / HTTP/1.1\r\n${H}hOST: other\r\n\r\n`],
    ["a Host with a path", "GET / HTTP/1.1\r\nHost: h.test/x\r\n\r\n"],
    ["a Host with a user", "GET / HTTP/1.1\r\nHost: u@h.test\r\n\r\n"],
    ["a Host with a comma", "GET / HTTP/1.1\r\nHost: h.test, other\r\n\r\n"],
    ["a Host with a space", "GET / HTTP/1.1\r\nHost: h.test other\r\n\r\n"],
    ["a Host with two ports", "GET / HTTP/1.1\r\nHost: h.test:80:81\r\n\r\n"],
    ["a Host with a port of letters", "GET / HTTP/1.1\r\nHost: h.test:http\r\n\r\n"],
    ["a Host with a long port", "GET / HTTP/1.1\r\nHost: h.test:000080\r\n\r\n"],
    ["a Host with a query", "GET / HTTP/1.1\r\nHost: h.test?x\r\n\r\n"],
    ["a Host in a URL", "GET / HTTP/1.1\r\nHost: http://h.test\r\n\r\n"],
    ["a Host of a dot", "GET / HTTP/1.1\r\nHost: .\r\n\r\n"],
    ["a Host in half a bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"],
    ["a Host other than the target's", "GET http://h.test/ HTTP/1.1\r\nHost: other\r\n\r\n"],
    ["a Host of another port", "GET http://h.test:81/ HTTP/1.1\r\nHost: h.test:82\r\n\r\n"],
  ],
  405: [
    ["CONNECT to a host", `CONNECT h.test:80 HTTP/1.1\r\n${H}\r\n`],
    ["CONNECT with a path", `CONNECT / HTTP/1.1\r\n${H}\r\n`],
  ],
  417: [
    ["an expectation nobody knows", `${POST}Expect: 200-ok\r\nContent-Length: 0\r\n\r\n`],
    ["two expectations in one", `${POST}Expect: 100-continue, x\r\nContent-Length: 0\r\n\r\n`],
  ],
  431: [
    ["a header beyond the limit", `${GET}X: ${"x".repeat(33 * 1024)}\r\n\r\n`],
    ["a target beyond the limit", `GET /${"x".repeat(33 * 1024)} HTTP/1.1\r\n${H}\r\n`],
    ["a name beyond the limit", `${GET}${"x".repeat(33 * 1024)}: y\r\n\r\n`],
    ["a method beyond the limit", `${"X".repeat(33 * 1024)} / HTTP/1.1\r\n${H}\r\n`],
    ["very many headers", `${GET}${"X: y\r\n".repeat(200)}\r\n`],
  ],
  501: [
    ["gzip and chunked", `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ["identity and chunked", `${POST}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`],
    ["chunked twice in one line", `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
    ["a coding with a letter in front", `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ["a comma in front of chunked", `${POST}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n`],
  ],
  505: [
    ["a version that is older", `GET / HTTP/0.9\r\n${H}\r\n`],
    ["a minor version that is not", `GET / HTTP/1.2\r\n${H}\r\n`],
    ["HTTP/2 in words of 1.1", `GET / HTTP/2.0\r\n${H}\r\n`],
    ["HTTP/3 in words of 1.1", `GET / HTTP/3.0\r\n${H}\r\n`],
  ],
};

/** Bodies in chunks that cannot be read: what came before may have gone on, and nothing after. */
const TORN: readonly Row[] = [
  ["a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"],
  ["a size with a plus", "+5\r\nhello\r\n0\r\n\r\n"],
  ["a size with a minus", "-5\r\nhello\r\n0\r\n\r\n"],
  ["a size with a space in front", " 5\r\nhello\r\n0\r\n\r\n"],
  ["a size with a space behind", "5 \r\nhello\r\n0\r\n\r\n"],
  ["a size with a tab behind", "5\t\r\nhello\r\n0\r\n\r\n"],
  ["a size with an underscore", "0_5\r\nhello\r\n0\r\n\r\n"],
  ["a size that is empty", "\r\nhello\r\n0\r\n\r\n"],
  ["a size beyond 2^53", "20000000000000\r\nhello"],
  ["a size beyond 2^64", "10000000000000005\r\nhello\r\n0\r\n\r\n"],
  ["a size of very many zeros", `${"0".repeat(32)}5\r\nhello\r\n0\r\n\r\n`],
  ["a size of letters beyond f", "g\r\nhello\r\n0\r\n\r\n"],
  ["a size that ends in LF", "5\nhello\r\n0\r\n\r\n"],
  ["a size that ends in CR", "5\rhello\r\n0\r\n\r\n"],
  ["a size with NUL", "5\x00\r\nhello\r\n0\r\n\r\n"],
  ["a chunk that is longer than its size", "4\r\nhello\r\n0\r\n\r\n"],
  ["a chunk that ends in LF", "5\r\nhello\n0\r\n\r\n"],
  ["a chunk that ends in CR", "5\r\nhello\r0\r\n\r\n"],
  ["a chunk that ends in two other bytes", "5\r\nhelloXX0\r\n\r\n"],
  ["an extension with LF", "5;x\nhello\r\n0\r\n\r\n"],
  ["an extension with CR", "5;x\ry\r\nhello\r\n0\r\n\r\n"],
  ["an extension with NUL", "5;x\x00\r\nhello\r\n0\r\n\r\n"],
  ["an extension with a space in front", "5 ;x\r\nhello\r\n0\r\n\r\n"],
  ["extensions beyond the limit", `5;${"x".repeat(5_000)}\r\nhello\r\n0\r\n\r\n`],
  ["many extensions beyond the limit", `${`1;${"x".repeat(500)}\r\na\r\n`.repeat(10)}0\r\n\r\n`],
  ["a trailer with LF", "0\r\nX: y\n\r\n"],
  ["a trailer without a colon", "0\r\nnothing\r\n\r\n"],
  ["a trailer that goes on", "0\r\nX: y\r\n z\r\n\r\n"],
  ["a trailer with a space before the colon", "0\r\nX : y\r\n\r\n"],
  ["a trailer with NUL", "0\r\nX: \x00\r\n\r\n"],
  ["a trailer that is a length", "0\r\nContent-Length: 50\r\n\r\n"],
  ["a trailer that is a coding", "0\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a trailer that closes the connection", "0\r\nConnection: close\r\n\r\n"],
  ["a trailer that is a Host", "0\r\nHost: other\r\n\r\n"],
  ["trailers beyond the limit", `0\r\nX: ${"y".repeat(17 * 1024)}\r\n\r\n`],
  ["very many trailers", `0\r\n${"X: y\r\n".repeat(200)}\r\n`],
  ["LF as the end of trailers", "0\r\n\n"],
];

/** What looks odd and has one meaning alone: it is served, and so is what follows. */
const SERVED: readonly (readonly [title: string, sent: string, seen: readonly string[]])[] = [
  ["a plain request", GET + END, ["GET /"]],
  ["an empty line in front", END + GET + END, ["GET /"]],
  ["a body with a length", `${POST}Content-Length: 5\r\n\r\nhello`, ["POST / hello"]],
  ["a length with zeros in front", `${POST}Content-Length: 0005\r\n\r\nhello`, ["POST / hello"]],
  ["spaces around a length", `${POST}Content-Length: \t 5 \t\r\n\r\nhello`, ["POST / hello"]],
  ["a length with no space in front", `${POST}Content-Length:5\r\n\r\nhello`, ["POST / hello"]],
  ["a length in capitals", `${POST}CONTENT-LENGTH: 5\r\n\r\nhello`, ["POST / hello"]],
  ["a GET with a body", `${GET}Content-Length: 5\r\n\r\nhello`, ["GET / hello"]],
  ["chunks", `${CHUNKED}\r\n5\r\nhello\r\n0\r\n\r\n`, ["POST / hello"]],
  [
    "chunked in capitals",
    `${POST}Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    ["POST / hello"],
  ],
  [
    "a size in capitals, with zeros",
    `${CHUNKED}\r\n000A\r\nhellohello\r\n00\r\n\r\n`,
    ["POST / hellohello"],
  ],
  [
    "an extension, which goes no further",
    `${CHUNKED}\r\n5;a=b;c\r\nhello\r\n0;x\r\n\r\n`,
    ["POST / hello"],
  ],
  [
    "a request within a body",
    `${POST}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    [`POST / ${SMUGGLED}`],
  ],
  [
    "a request within a chunk",
    `${CHUNKED}\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
    [`POST / ${SMUGGLED}`],
  ],
  [
    "Connection that names a length",
    `${POST}Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello`,
    ["POST / hello"],
  ],
  ["Connection that names Host", `${GET}Connection: Host\r\n\r\n`, ["GET /"]],
  [
    "Connection that names a coding",
    `${CHUNKED}Connection: Transfer-Encoding\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    ["POST / hello"],
  ],
  [
    "an upgrade that has a body is none",
    `${POST}Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\nhello`,
    ["POST / hello"],
  ],
  [
    "a length of 0 in another name",
    `${POST}Content_Length: 50\r\nContent-Length: 0\r\n\r\n`,
    ["POST /"],
  ],
  ["a coding in another name", `${GET}Transfer_Encoding: chunked\r\n\r\n`, ["GET /"]],
  ["an absolute target", `GET http://h.test/a?b HTTP/1.1\r\n${H}\r\n`, ["GET /a?b"]],
  ["an absolute target without a path", `GET http://h.test HTTP/1.1\r\n${H}\r\n`, ["GET /"]],
  [
    "an absolute target with a query alone",
    `GET http://h.test?b HTTP/1.1\r\n${H}\r\n`,
    ["GET /?b"],
  ],
  ["an absolute target in capitals", `GET HTTP://h.test/ HTTP/1.1\r\n${H}\r\n`, ["GET /"]],
  [
    "an absolute target with the port that is meant",
    `GET http://h.test:80/ HTTP/1.1\r\n${H}\r\n`,
    ["GET /"],
  ],
  ["an asterisk with OPTIONS", `OPTIONS * HTTP/1.1\r\n${H}\r\n`, ["OPTIONS *"]],
  ["two slashes", `GET //x HTTP/1.1\r\n${H}\r\n`, ["GET //x"]],
  ["dots, as they are", `GET /a/../b HTTP/1.1\r\n${H}\r\n`, ["GET /a/../b"]],
  ["a URL as a path", `GET /http://other/ HTTP/1.1\r\n${H}\r\n`, ["GET /http://other/"]],
  ["a NUL that is percent-encoded", `GET /%00 HTTP/1.1\r\n${H}\r\n`, ["GET /%00"]],
  ["line ends that are percent-encoded", `GET /%0d%0a HTTP/1.1\r\n${H}\r\n`, ["GET /%0d%0a"]],
  ["a Host in capitals with a port", "GET / HTTP/1.1\r\nhOsT: h.test:8080\r\n\r\n", ["GET /"]],
  ["a Host with a dot at its end", "GET / HTTP/1.1\r\nHost: h.test.\r\n\r\n", ["GET /"]],
  ["an empty header", `${GET}X:\r\n\r\n`, ["GET /"]],
  ["a value beyond ASCII", `${GET}X: \xfcber\r\n\r\n`, ["GET /"]],
  ["a tab within a value", `${GET}X: a\tb\r\n\r\n`, ["GET /"]],
];

export const CORPUS: readonly Attack[] = [
  ...Object.entries(REFUSED).flatMap(([code, rows]) =>
    rows.map(([title, sent]) => ({ title, sent: sent + NEXT, codes: [Number(code)], seen: [] })),
  ),
  ...TORN.map(([title, body]) => {
    const code = /xtensions beyond/.test(title) ? 413 : 400;
    const codes = [
      title.includes("trailers") && title !== "LF as the end of trailers" ? 431 : code,
    ];
    return { title: `chunks: ${title}`, sent: `${CHUNKED}\r\n${body}${NEXT}`, codes, seen: [] };
  }),
  ...SERVED.map(([title, sent, seen]) => {
    return { title, sent: sent + NEXT, codes: [200, 200], seen: [...seen, "GET /next"] };
  }),
];
