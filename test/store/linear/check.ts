/** What a client asks of one object. Every write stores a text that no other write does. */
export type Wish =
  | { readonly act: "get" }
  | { readonly act: "create"; readonly text: string }
  /** Only while the object holds `expected`, or whatever it holds when that is left out. */
  | { readonly act: "replace"; readonly text: string; readonly expected?: string | undefined }
  | { readonly act: "delete"; readonly expected?: string | undefined };

/** What came of it. Of a get: what the object holds. */
export type Outcome = "done" | "there" | "absent" | "other" | { readonly found: string };

/** One call on one object: when it began and ended, and what it was told. */
export interface Operation {
  readonly wish: Wish;
  readonly beganMs: number;
  /** Infinity when no answer came: then it may have happened at any time since, or never. */
  readonly endedMs: number;
  readonly outcome: Outcome | undefined;
}

/** What an object holds; nothing when it is absent. */
type State = string | undefined;

/**
 * Whether there is an order of all operations, each at one moment between its beginning and its
 * end, in which one object that does one thing at a time would have answered as these were. The
 * search is that of Wing and Gong: take any operation that nothing has to precede, and go back when
 * it leads nowhere; as Lowe has it, no set of operations is tried twice with the same outcome.
 */
export function isLinear(operations: readonly Operation[]): boolean {
  const sorted = operations.toSorted((one, other) => one.beganMs - other.beganMs);
  const answered = sorted.filter(({ outcome }) => outcome !== undefined).length;
  const tried = new Set<string>();
  const done: boolean[] = sorted.map(() => false);

  function search(state: State, left: number): boolean {
    if (left === 0) return true;
    const id = `${done.map(Number).join("")} ${state ?? ""}`;
    if (tried.has(id)) return false;
    tried.add(id);
    // Whatever began after the first end has to come after that operation.
    let firstEndMs = Infinity;
    for (const [index, it] of sorted.entries()) {
      if (!done[index]) firstEndMs = Math.min(firstEndMs, it.endedMs);
    }
    for (const [index, operation] of sorted.entries()) {
      if (operation.beganMs > firstEndMs) break;
      if (done[index]) continue;
      const next = after(state, operation);
      if (next === "impossible") continue;
      done[index] = true;
      if (search(next.state, left - (operation.outcome === undefined ? 0 : 1))) return true;
      done[index] = false;
    }
    return false;
  }

  return search(undefined, answered);
}

function after(
  state: State,
  { wish, outcome }: Operation,
): { readonly state: State } | "impossible" {
  const would = outcomeOf(wish, state);
  // Without an answer, what is refused and what never happens is the same.
  if (outcome === undefined) return would === "done" ? { state: stateAfter(wish) } : "impossible";
  if (!isSame(would, outcome)) return "impossible";
  return { state: would === "done" ? stateAfter(wish) : state };
}

/** The model: what an object that holds this answers. */
export function outcomeOf(wish: Wish, state: State): Outcome {
  if (wish.act === "create") return state === undefined ? "done" : "there";
  if (state === undefined) return "absent";
  if (wish.act === "get") return { found: state };
  const { expected } = wish;
  return expected === undefined || expected === state ? "done" : "other";
}

export function stateAfter(wish: Wish): State {
  return wish.act === "create" || wish.act === "replace" ? wish.text : undefined;
}

function isSame(one: Outcome, other: Outcome): boolean {
  if (typeof one === "string" || typeof other === "string") return one === other;
  return one.found === other.found;
}
