type Version = readonly [number, number, number];

const PART = "(\\d+|x|X|\\*)";
const VERSION = new RegExp(`^v?=?v?${PART}(?:\\.${PART}(?:\\.${PART}(?:[-+][\\w.+-]*)?)?)?$`);
const COMPARATOR = /^(>=|<=|>|<|=|\^|~>?|)\s*(.*)$/;

/**
 * Whether a version is in a range as `engines` has them, or nothing for a range we cannot read:
 * this only ever becomes a warning, so the forms that people write are enough.
 */
export function isInRange(version: string, range: string): boolean | undefined {
  const own = versionOf(version);
  if (own === undefined) return undefined;
  const answers = range.split("||").map((part) => isInPart(own, part.trim()));
  if (answers.includes(true)) return true;
  return answers.includes(undefined) ? undefined : false;
}

function isInPart(own: Version, part: string): boolean | undefined {
  const [, from, to] = /^(\S+)\s+-\s+(\S+)$/.exec(part) ?? [];
  const plain = part.replaceAll(/(>=|<=|>|<|=|\^|~>?)\s+/g, "$1");
  const comparators = from === undefined ? plain.split(/[\s,]+/) : [`>=${from}`, `<=${to ?? ""}`];
  const answers = comparators.map((comparator) => isMet(own, comparator));
  if (answers.includes(undefined)) return undefined;
  return !answers.includes(false);
}

function isMet(own: Version, comparator: string): boolean | undefined {
  const [, operator = "", text = ""] = COMPARATOR.exec(comparator) ?? [];
  if (text === "" || text === "latest") return operator === "" ? true : undefined;
  const bounds = boundsOf(operator, text);
  if (bounds === undefined) return undefined;
  return compare(own, bounds.first) >= 0 && compare(own, bounds.after) < 0;
}

const FIRST: Version = [0, 0, 0];
const NEVER: Version = [Infinity, 0, 0];

interface Bounds {
  readonly first: Version;
  readonly after: Version;
}

function boundsOf(operator: string, text: string): Bounds | undefined {
  const parts = VERSION.exec(text)?.slice(1);
  if (parts === undefined) return undefined;
  const given = parts.map((part) => (/^\d+$/.test(part ?? "") ? Number(part) : undefined));
  const [major, minor, patch] = given;
  if (major === undefined) return { first: FIRST, after: NEVER };
  const first: Version = [major, minor ?? 0, patch ?? 0];
  const nextMajor: Version = [major + 1, 0, 0];
  const nextMinor: Version = minor === undefined ? nextMajor : [major, minor + 1, 0];
  const next: Version = patch === undefined ? nextMinor : [major, minor ?? 0, patch + 1];
  if (operator === ">=") return { first, after: NEVER };
  if (operator === ">") return { first: next, after: NEVER };
  if (operator === "<") return { first: FIRST, after: first };
  if (operator === "<=") return { first: FIRST, after: next };
  if (operator === "^") return { first, after: major > 0 ? nextMajor : nextMinor };
  if (operator.startsWith("~")) return { first, after: nextMinor };
  return { first, after: next };
}

function versionOf(text: string): Version | undefined {
  const bounds = boundsOf("", text);
  return bounds?.first;
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
