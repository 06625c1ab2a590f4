import { ApiError, brief } from "./error.ts";
import { whyBadKey, whyBadLabelValue } from "./name.ts";

/** One demand of a selector. All of a selector's demands must be met. */
interface Demand {
  readonly key: string;
  readonly verb: "in" | "notin" | "exists" | "absent" | "gt" | "lt";
  readonly values: readonly string[];
}

export type Selector = readonly Demand[];

type Strings = Readonly<Record<string, string>>;

/**
 * Reads a label selector as kubectl writes it: `a=b,c!=d,e in (f,g),!h`. Throws `BadRequest` for
 * what is none.
 */
export function readLabelSelector(text: string): Selector {
  const refuse = (why: string) => unreadable("label selector", text, why);
  const tokens = new Tokens(text, refuse);
  const demands: Demand[] = [];
  while (!tokens.isOver || demands.length > 0) {
    const demand = readDemand(tokens);
    for (const [word, why] of badWordsOf(demand)) throw refuse(`"${brief(word)}": ${why}`);
    demands.push(demand);
    if (tokens.isOver) break;
    tokens.take(",");
  }
  return demands;
}

function badWordsOf({ key, values }: Demand): readonly (readonly [string, string])[] {
  const found = [
    [key, whyBadKey(key)] as const,
    ...values.map((value) => [value, whyBadLabelValue(value)] as const),
  ];
  return found.flatMap(([word, why]) => (why === undefined ? [] : [[word, why] as const]));
}

/** Reads a field selector: `metadata.name=x,status.phase!=Running`, of fields that are known. */
export function readFieldSelector(text: string, known: readonly string[]): Selector {
  const parts = text.match(/(?:\\.|[^\\,])+|\\/gs) ?? [];
  return parts.map((part) => {
    const [, key = "", operator, value = ""] = /^([^=!]*)(==?|!=)(.*)$/s.exec(part) ?? [];
    const refuse = (why: string) => unreadable("field selector", text, why);
    if (operator === undefined) throw refuse("want field=value");
    if (!known.includes(key)) {
      const why = `field label not supported: ${brief(key)}; there are ${known.join(", ")}`;
      throw refuse(why);
    }
    const isFine = /^(?:[^\\=]|\\[\\,=])*$/s.test(value);
    if (!isFine) throw refuse("in a value, write \\\\ for \\, \\, for a comma and \\= for =");
    const values = [value.replace(/\\(.)/gs, "$1")];
    return { key, verb: operator === "!=" ? "notin" : "in", values };
  });
}

/** Whether what `lookUp` says of each key meets all demands. */
export function matches(selector: Selector, lookUp: (key: string) => string | undefined): boolean {
  return selector.every((demand) => isMet(demand, lookUp(demand.key)));
}

/** Whether a resource's labels meet all demands. */
export function matchesLabels(selector: Selector, labels: Strings = {}): boolean {
  return matches(selector, (key) => (Object.hasOwn(labels, key) ? labels[key] : undefined));
}

const INTEGER = /^[+-]?\d{1,18}$/;

function isMet({ verb, values }: Demand, value: string | undefined): boolean {
  if (verb === "exists") return value !== undefined;
  if (verb === "absent") return value === undefined;
  if (verb === "notin") return value === undefined || !values.includes(value);
  if (value === undefined) return false;
  if (verb === "in") return values.includes(value);
  const [bound = ""] = values;
  if (!INTEGER.test(value) || !INTEGER.test(bound)) return false;
  return verb === "gt" ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

/** `key`, `!key`, `key = value` and its kin, `key in (a, b)`, `key > 5`. */
function readDemand(tokens: Tokens): Demand {
  if (tokens.skip("!")) return { key: tokens.takeWord(), verb: "absent", values: [] };
  const key = tokens.takeWord();
  if (tokens.isOver || tokens.next === ",") return { key, verb: "exists", values: [] };
  if (tokens.skip("=") || tokens.skip("==")) return { key, verb: "in", values: [oneValue(tokens)] };
  if (tokens.skip("!=")) return { key, verb: "notin", values: [oneValue(tokens)] };
  if (tokens.skip("in")) return { key, verb: "in", values: valueList(tokens) };
  if (tokens.skip("notin")) return { key, verb: "notin", values: valueList(tokens) };
  const isMore = tokens.skip(">");
  if (!isMore) tokens.take("<", "=, ==, !=, in, notin, <, > or ,");
  const bound = tokens.takeWord();
  if (!INTEGER.test(bound)) throw tokens.refuse(`"${brief(bound)}" must be a whole number`);
  return { key, verb: isMore ? "gt" : "lt", values: [bound] };
}

function oneValue(tokens: Tokens): string {
  return tokens.isOver || tokens.next === "," ? "" : tokens.takeWord();
}

/** What stands between parentheses; where nothing stands, the empty value is meant. */
function valueList(tokens: Tokens): readonly string[] {
  tokens.take("(");
  const values: string[] = [];
  do values.push([",", ")"].includes(tokens.next) ? "" : tokens.takeWord());
  while (tokens.skip(","));
  tokens.take(")");
  return values;
}

const TOKEN = /[^\s=!(),<>]+|==|!=|[=!(),<>]/g;
const SYMBOL = /^[=!(),<>]/;

/** A selector, word by word. */
class Tokens {
  readonly refuse: (why: string) => ApiError;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string, refuse: (why: string) => ApiError) {
    this.#tokens = text.match(TOKEN) ?? [];
    this.refuse = refuse;
  }

  get isOver(): boolean {
    return this.#at >= this.#tokens.length;
  }

  get next(): string {
    return this.#tokens[this.#at] ?? "";
  }

  skip(token: string): boolean {
    if (this.next !== token) return false;
    this.#at += 1;
    return true;
  }

  take(token: string, wanted = token): void {
    if (!this.skip(token)) throw this.#unexpected(wanted);
  }

  takeWord(): string {
    const word = this.next;
    if (word === "" || SYMBOL.test(word)) throw this.#unexpected("a word");
    this.#at += 1;
    return word;
  }

  #unexpected(wanted: string): ApiError {
    const found = this.isOver ? "the end" : `"${brief(this.next)}"`;
    return this.refuse(`found ${found}, expected ${wanted}`);
  }
}

function unreadable(what: string, text: string, why: string): ApiError {
  return new ApiError("BadRequest", `unable to parse ${what} "${brief(text)}": ${why}`);
}
