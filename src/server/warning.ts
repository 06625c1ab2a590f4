/** Together with others in one head, of which clients read no more than some kilobytes. */
const LENGTH_MAX = 256;

/** One value of a `Warning` header, as Kubernetes' clients read it (RFC 7234, code 299). */
export function warningHeader(message: string): string {
  const short = message.length > LENGTH_MAX ? `${message.slice(0, LENGTH_MAX)}…` : message;
  const plain = short.replaceAll(/\p{Cc}+/gu, " ").replaceAll(/["\\]/g, "\\$&");
  // A header is bytes, and ours are UTF-8.
  return Buffer.from(`299 - "${plain}"`, "utf8").toString("latin1");
}
