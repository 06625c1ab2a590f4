import type { Handler } from "./call.ts";

/** What is thrown for a path that is no path, or has a part that is too long. */
export class BadPath extends Error {
  override readonly name = "BadPath";
}

export interface Route {
  readonly handler: Handler;
  /** The handler reads the body itself, however long it is. */
  readonly isStreamed: boolean;
}

export interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

interface Placed {
  readonly route: Route;
  /** Of the steps that are named, in their order. */
  readonly names: readonly string[];
}

/** One step of a path and what comes behind it. */
interface Step {
  readonly fixed: Map<string, Step>;
  /** The step that stands for any. */
  any: Step | undefined;
  readonly placed: Map<string, Placed>;
}

/** Names have up to 253 characters, and each may be written as three. */
const PARAM_CHARS_MAX = 1024;

/** Paths of fixed steps and of named ones, such as "/namespaces/:name": a fixed one goes first. */
export class Routes {
  readonly #root = makeStep();

  add(method: string, path: string, route: Route): void {
    const names: string[] = [];
    let step = this.#root;
    for (const word of stepsOf(path)) {
      const isNamed = word.startsWith(":");
      if (isNamed) names.push(word.slice(1));
      step = isNamed ? anyOf(step) : fixedOf(step, word);
    }
    step.placed.set(method, { route, names });
  }

  /** Throws `BadPath`. */
  find(method: string, path: string): Found | undefined {
    const raw = stepsOf(path);
    const steps = path.includes("%") ? raw.map(decoded) : raw;
    const values: string[] = [];
    const placed = placedAt(this.#root, { method, steps, values }, 0);
    if (placed === undefined) return undefined;
    const { route, names } = placed;
    const params: Record<string, string> = {};
    for (const [at, name] of names.entries()) {
      const value = values[at] ?? "";
      if (value.length > PARAM_CHARS_MAX) {
        throw new BadPath(`"${name}" has more than ${PARAM_CHARS_MAX} characters`);
      }
      params[name] = value;
    }
    return { route, params };
  }
}

interface Finding {
  readonly method: string;
  readonly steps: readonly string[];
  /** Of the named steps so far. */
  readonly values: string[];
}

/** No deeper than the longest path that somebody has added. */
function placedAt(step: Step, finding: Finding, at: number): Placed | undefined {
  const { method, steps, values } = finding;
  const word = steps[at];
  if (word === undefined) {
    // Whoever may ask for an answer may ask for its head alone.
    return step.placed.get(method) ?? (method === "HEAD" ? step.placed.get("GET") : undefined);
  }
  const fixed = step.fixed.get(word);
  const found = fixed && placedAt(fixed, finding, at + 1);
  if (found !== undefined || step.any === undefined) return found;
  values.push(word);
  const named = placedAt(step.any, finding, at + 1);
  if (named === undefined) values.pop();
  return named;
}

function stepsOf(path: string): readonly string[] {
  return path.split("/").slice(1);
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    throw new BadPath(`"${step}" is not a valid url component`);
  }
}

function makeStep(): Step {
  return { fixed: new Map(), any: undefined, placed: new Map() };
}

function anyOf(step: Step): Step {
  step.any ??= makeStep();
  return step.any;
}

function fixedOf(step: Step, word: string): Step {
  const known = step.fixed.get(word);
  if (known !== undefined) return known;
  const made = makeStep();
  step.fixed.set(word, made);
  return made;
}
