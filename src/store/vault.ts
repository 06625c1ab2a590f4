import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { ApiError } from "../api/error.ts";
import type { Resource } from "../api/meta.ts";

/** A key that data keys are wrapped with. It is kept outside of the store. */
export interface WrappingKey {
  /** Told with what it has sealed. Says nothing of the key. */
  readonly id: string;
  readonly bytes: Buffer;
}

/** Seals what must not be read from the file of a store by whoever gets hold of it. */
export interface Vault {
  /** The text that is stored under this key of the store: sealed when it is of a secret kind. */
  seal(key: string, text: string): string;
  /** What was sealed. Throws an `ApiError` that says which key is missing, or what is wrong. */
  open(key: string, text: string): string;
  /** Whether it is stored as it would be stored now. */
  isCurrent(key: string, text: string): boolean;
  /** Called once all that is stored could be opened: makes the first key when there is none. */
  begin(): Promise<void>;
}

export interface VaultKeys {
  /** New things are sealed with it; nothing while there is none. */
  readonly primary: WrappingKey | undefined;
  /** Of earlier, by id. */
  readonly others: readonly WrappingKey[];
  /** Where they are kept, for messages. */
  readonly path: string;
}

/**
 *     sealed:1:ID:WRAPPED:CONTENT
 *
 * CONTENT is encrypted with a data key of its own, and that with the key ID: both by AES-256-GCM as
 * a nonce, the ciphertext and a tag. The key of the store is authenticated with both, so that what
 * was sealed for one Secret is not taken for another's. No JSON begins so.
 */
const MARK = "sealed:1:";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What keys of the store begin with whose texts are sealed. */
const SEALED_KINDS: readonly string[] = ["Secret/"];

export function newWrappingKey(): WrappingKey {
  return wrappingKey(randomBytes(KEY_BYTES));
}

/** Throws when it is no key. */
export function wrappingKey(bytes: Buffer): WrappingKey {
  if (bytes.length !== KEY_BYTES) throw new Error(`a key has ${KEY_BYTES} bytes`);
  return { id: createHash("sha256").update(bytes).digest("hex").slice(0, 16), bytes };
}

export function isSealed(text: string): boolean {
  return text.startsWith(MARK);
}

export function isSealedKind(key: string): boolean {
  return SEALED_KINDS.some((prefix) => key.startsWith(prefix));
}

/** As the store wants it, when it is sealed with the primary key. */
export function isCurrentWith(keys: VaultKeys, key: string, text: string): boolean {
  return !isSealedKind(key) || text.startsWith(`${MARK}${keys.primary?.id}:`);
}

export function sealWith({ primary, path }: VaultKeys, key: string, text: string): string {
  if (!isSealedKind(key)) return text;
  if (primary === undefined) throw new Error(`there is no key in "${path}" yet`);
  const data = randomBytes(KEY_BYTES);
  const wrapped = encrypted(data, { with: primary.bytes, for: key });
  const content = encrypted(Buffer.from(text), { with: data, for: key });
  return `${MARK}${primary.id}:${wrapped.toString("base64url")}:${content.toString("base64url")}`;
}

export function openWith(keys: VaultKeys, key: string, text: string): string {
  if (!isSealed(text)) return text;
  const [id = "", wrapped = "", content = ""] = text.slice(MARK.length).split(":");
  const own = [keys.primary, ...keys.others].find((it) => it?.id === id);
  if (own === undefined) throw noKey(keys, key, id);
  try {
    const data = decrypted(Buffer.from(wrapped, "base64url"), { with: own.bytes, for: key });
    return decrypted(Buffer.from(content, "base64url"), { with: data, for: key }).toString("utf8");
  } catch (thrown) {
    const what = `${brief(key)} cannot be opened with the key ${id}: it is damaged`;
    const way = "restore the store from a backup";
    throw new ApiError("InternalError", `${what}; ${way}`, { cause: thrown });
  }
}

/** What stands for a sealed resource where nobody has, or needs, its key. */
export function standIn(key: string, revision: number): Resource {
  const [kind = "", namespace = "", name = ""] = key.split("/");
  const resourceVersion = String(revision);
  const rest = { uid: "", generation: 1, creationTimestamp: "1970-01-01T00:00:00Z" };
  return { apiVersion: "v1", kind, metadata: { namespace, name, resourceVersion, ...rest } };
}

interface Use {
  readonly with: Buffer;
  /** Authenticated, and not hidden. */
  readonly for: string;
}

function encrypted(plain: Buffer, { with: key, for: about }: Use): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(about));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypted(sealed: Buffer, { with: key, for: about }: Use): Buffer {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const end = sealed.length - TAG_BYTES;
  const options = { authTagLength: TAG_BYTES };
  const cipher = createDecipheriv(CIPHER, key, nonce, options).setAAD(Buffer.from(about));
  cipher.setAuthTag(sealed.subarray(end));
  return Buffer.concat([cipher.update(sealed.subarray(NONCE_BYTES, end)), cipher.final()]);
}

function noKey({ primary, others, path }: VaultKeys, key: string, id: string): ApiError {
  const known = [primary, ...others].flatMap((it) => it?.id ?? []);
  const is = known.length === 0 ? "is missing" : `has ${known.join(" and ")}`;
  const message =
    `${brief(key)} is encrypted with the key ${id}, and the key file "${path}" ${is}; ` +
    "put the key file of this store in its place, from where its copy is kept, and start again";
  return new ApiError("InternalError", message);
}

/** "Secret default/hello", as people name it. */
function brief(key: string): string {
  return key.replace("/", " ");
}
