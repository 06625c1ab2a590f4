import { ApiError } from "./error.ts";
import { whyBadKey, whyBadLabelValue } from "./name.ts";

/** One demand of a selector. All of a selector's demands must be met. */
interface Demand {
  readonly key: string;
  readonly verb: "in" | "notin" | "exists" | "absent" | "gt" | "lt";
  readonly values: readonly string[];
}

export type Selector = readonly Demand[];

type Strings = Readonly<Record<string, string>>;

/** Reads a label selector as kubectl writes it: `a=b,c!=d,e in (f,g),!h`. */
export function readLabelSelector(text: string): Selector {
  const demands = partsOf(text).map(readDemand);
  for (const { key, values, verb } of demands) {
    const why = whyBadKey(key) ?? values.map(whyBadLabelValue).find((it) => it !== undefined);
    if (why !== undefined) throw unreadable("label selector", text, `"${key}" ${verb}: ${why}`);
  }
  return demands;
}

/** Reads a field selector: `metadata.name=x,status.phase!=Running`, of fields that are known. */
export function readFieldSelector(text: string, known: readonly string[]): Selector {
  const demands = partsOf(text).map((part) => {
    const [, key = "", operator, value = ""] = /^([^=!]+)(==?|!=)(.*)$/.exec(part) ?? [];
    if (operator === undefined) throw unreadable("field selector", text, "want field=value");
    if (!known.includes(key)) {
      const why = `field label not supported: ${key}; there are ${known.join(", ")}`;
      throw unreadable("field selector", text, why);
    }
    return { key, verb: operator === "!=" ? "notin" : "in", values: [value] } as const;
  });
  return demands;
}

/** Whether what `lookUp` says of each key meets all demands. */
export function matches(selector: Selector, lookUp: (key: string) => string | undefined): boolean {
  return selector.every((demand) => isMet(demand, lookUp(demand.key)));
}

/** Whether a resource's labels meet all demands. */
export function matchesLabels(selector: Selector, labels: Strings = {}): boolean {
  return matches(selector, (key) => labels[key]);
}

function isMet({ verb, values }: Demand, value: string | undefined): boolean {
  if (verb === "exists") return value !== undefined;
  if (verb === "absent") return value === undefined;
  if (verb === "notin") return value === undefined || !values.includes(value);
  if (value === undefined) return false;
  if (verb === "in") return values.includes(value);
  const [bound] = values;
  return verb === "gt" ? Number(value) > Number(bound) : Number(value) < Number(bound);
}

/** Splits at commas, but not at those between parentheses. */
function partsOf(text: string): readonly string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

const EQUALS = /^([^\s=!<>]+)\s*(==?|!=)\s*([^\s=!]*)$/;
const SET = /^([^\s=!]+)\s+(in|notin)\s*\(([^()]*)\)$/;
const BOUND = /^([^\s=!<>]+)\s*([<>])\s*(-?\d+)$/;

function readDemand(part: string): Demand {
  const [, key, operator, value = ""] = EQUALS.exec(part) ?? [];
  if (key !== undefined) return { key, verb: operator === "!=" ? "notin" : "in", values: [value] };
  const [, setKey, verb, list = ""] = SET.exec(part) ?? [];
  if (setKey !== undefined) {
    const values = list.split(",").map((it) => it.trim());
    return { key: setKey, verb: verb as "in" | "notin", values };
  }
  const [, boundKey, sign, bound = ""] = BOUND.exec(part) ?? [];
  if (boundKey !== undefined) {
    return { key: boundKey, verb: sign === ">" ? "gt" : "lt", values: [bound] };
  }
  const [, absent, present] = /^(?:!\s*(\S+)|([^\s=!<>()]+))$/.exec(part) ?? [];
  if (absent !== undefined) return { key: absent, verb: "absent", values: [] };
  if (present !== undefined) return { key: present, verb: "exists", values: [] };
  throw unreadable("label selector", part, "want key=value, key in (a,b), key or !key");
}

function unreadable(what: string, text: string, why: string): ApiError {
  return new ApiError("BadRequest", `unable to parse ${what} "${text}": ${why}`);
}
