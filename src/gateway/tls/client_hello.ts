/** What a client says first: enough to tell who comes for proof that a host is ours. */
export interface ClientHello {
  /** The host it asks for, in lower case. */
  readonly host: string | undefined;
  /** The protocols it would speak. */
  readonly protocols: readonly string[];
}

const RECORD_BYTES = 5;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;

/**
 * Reads the first record of a connection (RFC 8446, 4.1.2). Nothing while there is more to come,
 * and `unknown` for what is none, or is cut into several records: TLS itself will judge that.
 */
export function readClientHello(bytes: Buffer): ClientHello | "unknown" | undefined {
  if (bytes.length < RECORD_BYTES) return undefined;
  if (bytes[0] !== HANDSHAKE) return "unknown";
  const end = RECORD_BYTES + bytes.readUInt16BE(3);
  if (bytes.length < end) return undefined;
  try {
    return parse(bytes.subarray(RECORD_BYTES, end));
  } catch {
    // Somewhere a length led out of the record.
    return "unknown";
  }
}

function parse(hello: Buffer): ClientHello | "unknown" {
  if (hello[0] !== CLIENT_HELLO) return "unknown";
  // Type and length, version and random.
  let at = 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const end = at + 2 + hello.readUInt16BE(at);
  at += 2;
  let host: string | undefined;
  let protocols: readonly string[] = [];
  while (at < end) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    const body = hello.subarray(at + 4, at + 4 + length);
    if (type === SERVER_NAME) host = body.toString("latin1", 5, 5 + body.readUInt16BE(3));
    if (type === ALPN) protocols = namesIn(body.subarray(2));
    at += 4 + length;
  }
  return { host: host?.toLowerCase(), protocols };
}

function namesIn(list: Buffer): readonly string[] {
  const names: string[] = [];
  for (let at = 0; at < list.length; at += 1 + list.readUInt8(at)) {
    names.push(list.toString("latin1", at + 1, at + 1 + list.readUInt8(at)));
  }
  return names;
}
