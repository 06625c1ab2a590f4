/** Why a head or a body cannot be read: prebuilt, so that nothing is thrown or made for it. */
export interface Problem {
  readonly code: number;
  readonly detail: string;
}

const bad = (detail: string): Problem => ({ code: 400, detail });

export const PROBLEMS = {
  tooLong: { code: 431, detail: "the headers are too large" },
  tooMany: { code: 431, detail: "there are too many headers" },
  bareLineFeed: bad("a line must end in CR LF, and there is a LF alone"),
  requestLine: bad('the first line must be "METHOD target HTTP/1.1"'),
  statusLine: bad('the first line must be "HTTP/1.1 code reason"'),
  version: { code: 505, detail: "the version must be HTTP/1.1 or HTTP/1.0" },
  target: bad("the target has a character that must be percent-encoded"),
  fold: bad("a header must not go on in a second line"),
  name: bad("the name of a header must be a token, with the colon right behind it"),
  value: bad("the value of a header has a control character"),
  length: bad("Content-Length must be a number of digits alone"),
  lengths: bad("there must be one Content-Length"),
  lengthAndCoding: bad("there must be either Content-Length or Transfer-Encoding"),
  codings: bad("there must be one Transfer-Encoding"),
  coding: { code: 501, detail: 'the transfer coding must be "chunked" alone' },
  codingLast: bad('the last transfer coding must be "chunked"'),
  codingInOld: bad("HTTP/1.0 has no Transfer-Encoding"),
  noHost: bad("the Host header is missing"),
  hosts: bad("there must be one Host header"),
  host: bad("the host is not a host"),
  otherHost: bad("the Host header and the host of the target must agree"),
  form: bad('the target must be a path, an http URL, or "*" with OPTIONS'),
  expectation: { code: 417, detail: 'the expectation must be "100-continue"' },
  connect: { code: 405, detail: "this is not a proxy: CONNECT is not allowed" },
  informations: bad("too many answers ahead of the answer (1xx)"),
  uninvited: bad("a change of protocol that nobody has asked for"),
  chunkSize: bad("the size of a chunk must be hexadecimal digits alone"),
  chunkEnd: bad("a chunk must end in CR LF"),
  chunkExtension: bad("a chunk extension must be ;name or ;name=value, each a token"),
  chunkExtensions: { code: 413, detail: "the chunk extensions are too large" },
  trailer: bad("a trailer must be a header line, and none that frames or addresses a message"),
  trailers: { code: 431, detail: "the trailers are too large" },
  slowHead: { code: 408, detail: "the headers took too long" },
  slowBody: { code: 408, detail: "the body took too long" },
} as const satisfies Readonly<Record<string, Problem>>;
