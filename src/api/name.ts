import { createHash } from "node:crypto";

/** What a kind asks of its names: Kubernetes' four rules. */
export type NameRule = "dns1035" | "label" | "subdomain" | "path";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const SEGMENT = /^(?!\.{1,2}$)[^/%\p{Cc}]+$/u;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const RULES = {
  dns1035: {
    pattern: DNS_1035,
    lengthMax: 63,
    says:
      "a DNS-1035 label is lower-case letters, digits and '-', " +
      "begins with a letter and ends with a letter or digit",
  },
  label: {
    pattern: LABEL,
    lengthMax: 63,
    says:
      "a DNS-1123 label is lower-case letters, digits and '-', " +
      "and begins and ends with a letter or digit",
  },
  subdomain: {
    pattern: SUBDOMAIN,
    lengthMax: 253,
    // To the letter, as tools look for it.
    says:
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or " +
      "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex " +
      "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?" +
      "(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  },
  path: {
    pattern: SEGMENT,
    lengthMax: 253,
    says: "a part of a path is not '.' or '..', and has no '/', no '%' and no control characters",
  },
} as const;

/** Why `name` breaks the rule, in one sentence, or nothing. */
export function whyBadName(rule: NameRule, name: string): string | undefined {
  const { pattern, lengthMax, says } = RULES[rule];
  if (name.length > lengthMax) {
    return `must be no more than ${lengthMax} characters, has ${name.length}`;
  }
  return pattern.test(name) ? undefined : says;
}

/** Why `prefix` cannot begin a generated name, or nothing. It may end in "-" or ".". */
export function whyBadPrefix(rule: NameRule, prefix: string): string | undefined {
  return whyBadName(rule, `${prefix.slice(0, RULES[rule].lengthMax - SUFFIX_LENGTH)}x`);
}

/** What the server adds to `generateName`. */
export const SUFFIX_LENGTH = 5;

/** A generated name: the prefix, cut so that `suffix` fits in 63 characters, and the suffix. */
export function generatedName(prefix: string, suffix: string): string {
  return `${prefix.slice(0, CHARS_MAX - suffix.length)}${suffix}`;
}

/**
 * The name of what `parent` makes, cut to 63 characters where it must be, and then told apart by a
 * hash of the whole (spec/elafros §4.1).
 */
export function childName(parent: string, suffix: string): string {
  if (parent.length + suffix.length <= CHARS_MAX) return `${parent}${suffix}`;
  const kept = CHARS_MAX - HASH_CHARS - suffix.length;
  if (kept > 0) return `${parent.slice(0, kept)}${hashOf(parent)}${suffix}`;
  // The suffix leaves no room: then it is hashed along, and cut itself.
  const head = `${parent.slice(0, CHARS_MAX - HASH_CHARS)}${hashOf(`${parent}${suffix}`)}`;
  return `${head}${suffix.slice(0, CHARS_MAX - head.length)}`.replace(/[-.]+$/, "");
}

const CHARS_MAX = 63;
const HASH_CHARS = 32;

function hashOf(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** Why `key` cannot be the key of a label or an annotation, or nothing. */
export function whyBadKey(key: string): string | undefined {
  const [first = "", second, ...rest] = key.split("/");
  if (rest.length > 0) return "a key has at most one '/'";
  if (second !== undefined && !(first.length <= 253 && SUBDOMAIN.test(first))) {
    return "what stands before the '/' of a key must be a lowercase RFC 1123 subdomain";
  }
  return whyBadWord(second ?? first);
}

/** Why `value` cannot be the value of a label, or nothing. */
export function whyBadLabelValue(value: string): string | undefined {
  return value === "" ? undefined : whyBadWord(value);
}

function whyBadWord(word: string): string | undefined {
  if (word.length > 63) return `must be no more than 63 characters, has ${word.length}`;
  if (QUALIFIED.test(word)) return undefined;
  return "must be letters, digits, '-', '_' and '.', and begin and end with a letter or digit";
}
