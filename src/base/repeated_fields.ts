import { joined } from "./schema_reading.ts";

/** So many are told of; nobody reads on. */
const TOLD_MAX = 100;

/**
 * The paths of fields that an object in a JSON text says more than once: the last of them counts,
 * which is rarely what was meant. The text must be JSON, and not deeply nested.
 */
export function repeatedFields(text: string): readonly string[] {
  const reader = new Reader(text);
  reader.value("");
  return [...reader.repeated].slice(0, TOLD_MAX);
}

const SPACE = /[\s,:]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const PLAIN = /[^\s,\]}]+/y;

class Reader {
  readonly repeated = new Set<string>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(path: string): void {
    this.#skip(SPACE);
    const first = this.#text[this.#at];
    if (first === "{") this.#object(path);
    else if (first === "[") this.#list(path);
    else this.#skip(first === '"' ? STRING : PLAIN);
  }

  #object(path: string): void {
    const seen = new Set<string>();
    for (this.#at += 1; this.#isWithin("}"); ) {
      const key = JSON.parse(this.#skip(STRING)) as string;
      const at = joined(path, key);
      if (seen.has(key)) this.repeated.add(at);
      seen.add(key);
      this.value(at);
    }
  }

  #list(path: string): void {
    this.#at += 1;
    for (let index = 0; this.#isWithin("]"); index += 1) this.value(`${path}[${index}]`);
  }

  /** Whether another element comes; else it steps over the end. */
  #isWithin(end: string): boolean {
    this.#skip(SPACE);
    const next = this.#text[this.#at];
    if (next !== end && next !== undefined) return true;
    this.#at += 1;
    return false;
  }

  /** Steps over what matches here, and answers with it. */
  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ""] = pattern.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }
}
