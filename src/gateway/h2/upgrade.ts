import {
  END_HEADERS,
  END_STREAM,
  FRAME_BYTES_MAX,
  FRAME_HEAD,
  HEADERS,
  SETTINGS,
} from "./codes.ts";

/** How a client of HTTP/2 begins (RFC 9113, 3.4). */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** The answer to who may go on in HTTP/2. */
export const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/** Their case does not matter, and clients write it in these two ways. */
const MARKS = [Buffer.from("HTTP2-Settings:"), Buffer.from("http2-settings:")];

const REQUEST = /^([A-Z]+) (\/[\x21-\x7e]*|\*) HTTP\/1\.1$/;
const FIELD = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;

/** These are of the connection that ends with the upgrade. */
const DROPPED = new Set(["connection", "host", "http2-settings", "keep-alive", "upgrade"]);

/**
 * The first request of a connection, when it asks to go on in HTTP/2 (RFC 7540, 3.2), as the frame
 * that would have been sent for it. Whatever is unusual about it gives nothing: then it is served
 * as a request of HTTP/1.1, as the client has to expect.
 */
export function upgradeFrame(bytes: Buffer): Buffer | undefined {
  if (!MARKS.some((mark) => bytes.includes(mark))) return undefined;
  const text = bytes.toString("latin1");
  if (text.indexOf("\r\n\r\n") !== text.length - 4) return undefined;
  const [first = "", ...lines] = text.slice(0, -4).split("\r\n");
  const [, method, target] = REQUEST.exec(first) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const fields: [string, string][] = [];
  for (const line of lines) {
    const [, name, value = ""] = FIELD.exec(line) ?? [];
    if (name === undefined) return undefined;
    fields.push([name.toLowerCase(), value]);
  }
  const valuesOf = (name: string) => fields.flatMap(([key, it]) => (key === name ? [it] : []));
  const [host, ...otherHosts] = valuesOf("host");
  const [settings, ...otherSettings] = valuesOf("http2-settings");
  const named = valuesOf("connection").join(",").toLowerCase().split(",");
  const hasNamed = (name: string) => named.some((it) => it.trim() === name);
  const isAsked =
    valuesOf("upgrade").some((it) => it.toLowerCase() === "h2c") &&
    hasNamed("upgrade") &&
    hasNamed("http2-settings") &&
    /^[\w-]*$/.test(settings ?? "?");
  const hasBody = fields.some(
    ([name]) => name === "content-length" || name === "transfer-encoding",
  );
  if (!isAsked || hasBody || host === undefined) return undefined;
  if (otherHosts.length + otherSettings.length > 0) return undefined;
  const block = [
    literal(":method", method),
    literal(":scheme", "http"),
    literal(":authority", host),
    literal(":path", target),
    ...fields.filter(([name]) => isKept(name, hasNamed)).map(([name, it]) => literal(name, it)),
  ];
  const payload = Buffer.concat(block);
  return payload.length > FRAME_BYTES_MAX ? undefined : frame(payload);
}

function isKept(name: string, hasNamed: (name: string) => boolean): boolean {
  return !DROPPED.has(name) && !hasNamed(name) && name !== "te";
}

/**
 * What is read first of a connection that was upgraded, once it has come: the request stands behind
 * what such a client begins with, as if it had been sent so.
 */
export function firstOf(bytes: Buffer, request: Buffer): Buffer | "bad" | undefined {
  const at = PREFACE.length;
  if (bytes.length < at + FRAME_HEAD) return undefined;
  const end = at + FRAME_HEAD + bytes.readUIntBE(at, 3);
  const isSettings = bytes[at + 3] === SETTINGS && end <= at + FRAME_HEAD + FRAME_BYTES_MAX;
  if (!bytes.subarray(0, at).equals(PREFACE) || !isSettings) return "bad";
  if (bytes.length < end) return undefined;
  return Buffer.concat([bytes.subarray(0, end), request, bytes.subarray(end)]);
}

/** The only stream that a client may open with this number (RFC 7540, 3.2), ended by its head. */
function frame(payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = HEADERS;
  head[4] = END_STREAM | END_HEADERS;
  head.writeUInt32BE(1, 5);
  return Buffer.concat([head, payload]);
}

/** A field that enters no table, and is not compressed (RFC 7541, 6.2.2). */
function literal(name: string, value: string): Buffer {
  const texts = [name, value].map((it) => Buffer.from(it, "latin1"));
  return Buffer.concat([Buffer.of(0), ...texts.flatMap((it) => [lengthOf(it), it])]);
}

/** An integer in what seven bits of a byte leave room for, and further bytes (RFC 7541, 5.1). */
function lengthOf({ length }: Buffer): Buffer {
  if (length < 127) return Buffer.of(length);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
