import { BlockList, isIPv4, isIPv6 } from "node:net";
import type { Asked } from "./course.ts";

/** A set of addresses, given in CIDR notation. */
export class AddressSet {
  readonly #list = new BlockList();
  readonly #size: number;

  constructor(blocks: readonly string[]) {
    this.#size = blocks.length;
    for (const block of blocks) {
      const read = readCidr(block);
      if (read === undefined) continue;
      const { address, bits, family } = read;
      this.#list.addSubnet(address, bits, family);
    }
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  has(address: string): boolean {
    if (isIPv4(address)) return this.#list.check(address, "ipv4");
    return isIPv6(address) && this.#list.check(address, "ipv6");
  }
}

interface Cidr {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

/** "10.0.0.0/8", "fd00::/8", or one address; nothing when it is none of these. */
export function readCidr(text: string): Cidr | undefined {
  const [, address = "", digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  const bits = digits === undefined ? most : Number(digits);
  if (most < 0 || bits > most) return undefined;
  return { address, bits, family: most === 32 ? "ipv4" : "ipv6" };
}

const MAPPED = "::ffff:";

/** An IPv4 address that came over a socket for IPv6 as what it is. */
export function plain(address: string): string {
  return address.startsWith(MAPPED) && isIPv4(address.slice(MAPPED.length))
    ? address.slice(MAPPED.length)
    : address;
}

/** What is routed over the internet, 2000::/3: of its first group. */
const GLOBAL = { from: 0x2000, to: 0x3fff };
const GROUPS = 8;

/**
 * Who counts as one client. A line of IPv6 has 64 bits to choose addresses from (RFC 6177), and
 * whoever is limited by one of them would take the next.
 */
export function lineOf(address: string): string {
  if (!address.includes(":")) return address;
  const first = Number.parseInt(address, 16);
  if (!(first >= GLOBAL.from && first <= GLOBAL.to)) return address;
  const [head = [], tail] = address.split("::").map((part) => part.split(":"));
  const missing = tail === undefined ? 0 : GROUPS - head.length - tail.length;
  const groups = [...head, ...Array(missing).fill("0"), ...(tail ?? [])].slice(0, GROUPS / 2);
  return `${groups.map((it) => Number.parseInt(it, 16).toString(16)).join(":")}::/64`;
}

/**
 * Who sent a request: the other end of the connection, or when that is a trusted proxy, the last
 * of those it names in `X-Forwarded-For` that is not one itself. What is before that may be made
 * up by anybody.
 */
export function clientOf({ peer, header }: Asked, trusted: AddressSet): string {
  const nearest = plain(peer);
  if (trusted.isEmpty || !trusted.has(nearest)) return nearest;
  const named = header("x-forwarded-for")?.split(",") ?? [];
  let client = nearest;
  for (const text of named.toReversed()) {
    const address = plain(unbracketed(text.trim()));
    if (!isIPv4(address) && !isIPv6(address)) return client;
    client = address;
    if (!trusted.has(address)) return client;
  }
  return client;
}

/** Some write ports behind addresses, and brackets around those of IPv6. */
function unbracketed(text: string): string {
  const [, inside] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? [];
  if (inside !== undefined) return inside;
  const [, before] = /^([\d.]+):\d+$/.exec(text) ?? [];
  return before ?? text;
}
