import { ApiError } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import { timestampOf } from "../base/clock.ts";
import {
  DELETE_OPTIONS,
  type Field,
  type FieldType,
  MESSAGES,
  type Message,
} from "./protobuf_messages.ts";

export const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** "k8s" and a zero: what every such body begins with. */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

/** What stands around each object: its type, and then itself in the form of its type. */
const ENVELOPE: Message = {
  1: { name: "type", shape: "one", type: typeMessage() },
  2: { name: "raw", shape: "one", type: "bytes" },
  3: { name: "contentEncoding", shape: "one", type: "string" },
  4: { name: "contentType", shape: "one", type: "string" },
};

/**
 * Reads an object in Kubernetes' protobuf form. `kubectl` writes its own kinds so (create, auth,
 * create token) and does not ask before; answers are JSON, which it takes. Throws
 * `UnsupportedMediaType` for kinds that nobody sends so, and `BadRequest` for what is none.
 */
export function readProtobuf(body: Buffer): object {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw unreadable("it does not begin with k8s");
  const {
    type,
    raw = "",
    contentType = "",
  } = decoded(body.subarray(MAGIC.length), ENVELOPE) as {
    readonly type?: { readonly apiVersion?: string; readonly kind?: string };
    readonly raw?: string;
    readonly contentType?: string;
  };
  const { apiVersion = "", kind = "" } = type ?? {};
  const message = kind === "DeleteOptions" ? DELETE_OPTIONS : MESSAGES[groupOf(apiVersion)]?.[kind];
  if (message === undefined || contentType !== "") {
    const way = "application/json and application/yaml are read here";
    const what = `${JSON.stringify(kind)} of ${JSON.stringify(apiVersion)}`;
    throw new ApiError("UnsupportedMediaType", `${what} is not read as ${PROTOBUF}; ${way}`);
  }
  return { apiVersion, kind, ...decoded(Buffer.from(raw, "base64"), message) };
}

function typeMessage(): Message {
  const text = (name: string): Field => ({ name, shape: "one", type: "string" });
  return { 1: text("apiVersion"), 2: text("kind") };
}

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

/** Reads one message. Fields that are not known are passed over, as in all of protobuf. */
function decoded(bytes: Buffer, message: Message): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (reader.hasMore) {
    const tag = Number(reader.varint());
    const field = message[tag >>> 3];
    const wire = tag & 7;
    if (wire === BYTES) {
      const inner = reader.bytes();
      if (field !== undefined) put(value, field, inner);
    } else if (wire === VARINT) {
      const number = reader.varint();
      if (field?.type === "bool") value[field.name] = number !== 0n;
      if (field?.type === "int") value[field.name] = Number(BigInt.asIntN(64, number));
    } else if (wire === FIXED_64) reader.skip(8);
    else if (wire === FIXED_32) reader.skip(4);
    else throw unreadable(`there is a field of the wire type ${wire}`);
  }
  return value;
}

function put(value: Record<string, unknown>, field: Field, bytes: Buffer): void {
  const { name, type, shape } = field;
  if (shape === "list") {
    value[name] ??= [];
    (value[name] as unknown[]).push(single(type, bytes));
    return;
  }
  if (shape === "map") {
    value[name] ??= {};
    const entry = decoded(bytes, {
      1: { name: "key", shape: "one", type: "string" },
      2: { name: "value", shape: "list", type },
    });
    const [inner = typeof type === "object" ? {} : ""] = (entry["value"] ?? []) as unknown[];
    const key = String(entry["key"] ?? "");
    const own = { value: itemsOf(inner), enumerable: true, writable: true, configurable: true };
    Object.defineProperty(value[name], key, own);
    return;
  }
  // Go writes out what is empty, and JSON leaves it out.
  if (bytes.length > 0) value[name] = single(type, bytes);
}

/** A list that is the value of a map is wrapped, as protobuf has no such maps. */
function itemsOf(inner: unknown): unknown {
  const isWrapped = typeof inner === "object" && inner !== null;
  return isWrapped ? ((inner as { readonly items?: unknown }).items ?? []) : inner;
}

function single(type: FieldType, bytes: Buffer): unknown {
  if (type === "string") return bytes.toString("utf8");
  if (type === "bytes") return bytes.toString("base64");
  if (type === "time") {
    const { seconds = 0 } = decoded(bytes, { 1: { name: "seconds", shape: "one", type: "int" } });
    if (Math.abs(Number(seconds)) > SECONDS_MAX) throw unreadable("a time is out of reach");
    return timestampOf(Number(seconds) * 1000);
  }
  if (typeof type === "object") return decoded(bytes, type);
  throw unreadable(`a field of the type ${type} has several bytes`);
}

/** Thousands of years before and after now: what a time can be written of. */
const SECONDS_MAX = 200_000_000_000;

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw unreadable("it ends too early");
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw unreadable("a number has too many bytes");
  }

  bytes(): Buffer {
    const length = this.varint();
    const end = this.#at + Number(length);
    if (end > this.#bytes.length) throw unreadable("it ends too early");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw unreadable("it ends too early");
  }
}

function unreadable(why: string): ApiError {
  return new ApiError("BadRequest", `the body cannot be read as ${PROTOBUF}: ${why}`);
}
