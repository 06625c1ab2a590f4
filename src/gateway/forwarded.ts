import { isIP, isIPv6 } from "node:net";

/** What earlier hops said of themselves, each as its header had it, and what we see. */
export interface Hops {
  readonly forwarded: string | undefined;
  readonly forwardedFor: string | undefined;
  readonly forwardedHost: string | undefined;
  readonly forwardedProto: string | undefined;
  /** The address on the other end of the connection. */
  readonly client: string;
  readonly host: string;
  readonly proto: string;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const MAPPED = "::ffff:";

/**
 * The `Forwarded` of RFC 7239: what was there and our own element, or, when none was there, what
 * the `X-Forwarded-…` headers say in its place, and our own element.
 */
export function forwardedOf(hops: Hops): string {
  const { forwarded, forwardedFor = "", forwardedHost, forwardedProto, client } = hops;
  if (forwarded !== undefined && forwarded.trim() !== "") {
    return `${forwarded}, for=${nodeOf(client)};host=${wordOf(hops.host)};proto=${hops.proto}`;
  }
  const before = listOf(forwardedFor);
  const nodes = [...before, client].map((name) => `for=${nodeOf(name)}`);
  const host = forwardedHost ?? hops.host;
  const proto = TOKEN.test(forwardedProto ?? "") ? forwardedProto : hops.proto;
  const [first = "", ...rest] = nodes;
  return [`${first};host=${wordOf(host)};proto=${proto}`, ...rest].join(", ");
}

/** The list of addresses, ours at the end. */
export function forwardedForOf({ forwardedFor = "", client }: Hops): string {
  return [...listOf(forwardedFor), plainAddress(client)].join(", ");
}

function listOf(value: string): readonly string[] {
  return value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** An address as Node gives it, without what it adds to IPv4 on a socket of both kinds. */
export function plainAddress(address: string): string {
  const rest = address.slice(MAPPED.length);
  return address.startsWith(MAPPED) && isIP(rest) === 4 ? rest : address;
}

/** An address as the name of a node: IPv6 goes in brackets, and so in quotes. */
export function nodeOf(name: string): string {
  const address = plainAddress(name.replace(/^\[(.*)\]$/, "$1"));
  return isIPv6(address) ? `"[${address}]"` : wordOf(address);
}

/** A token as it is, all else as a quoted string. */
export function wordOf(value: string): string {
  if (TOKEN.test(value)) return value;
  return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}
