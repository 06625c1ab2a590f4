import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, seededChance } from "../../../src/base/chance.ts";
import {
  isLinear,
  type Operation,
  type Outcome,
  outcomeOf,
  stateAfter,
  type Wish,
} from "./check.ts";

const SEED = Number(process.env["VARVE_SEED"] ?? Date.now() % 1_000_000);
const get: Wish = { act: "get" };
const create = (text: string): Wish => ({ act: "create", text });
const replace = (text: string, expected?: string): Wish => ({ act: "replace", text, expected });
const remove: Wish = { act: "delete" };
const found = (text: string): Outcome => ({ found: text });

/** From when to when, what was asked, and what came of it. */
type Line = readonly [number, number, Wish, Outcome?];

function historyOf(lines: readonly Line[]): readonly Operation[] {
  return lines.map(([beganMs, endedMs, wish, outcome]) => ({ beganMs, endedMs, wish, outcome }));
}

const BAD: readonly { readonly title: string; readonly lines: readonly Line[] }[] = [
  {
    title: "a read of what was replaced before it began",
    lines: [
      [0, 1, create("a"), "done"],
      [2, 3, replace("b"), "done"],
      [4, 5, get, found("a")],
    ],
  },
  {
    title: "two that replace the same version, both done",
    lines: [
      [0, 1, create("a"), "done"],
      [2, 5, replace("b", "a"), "done"],
      [3, 6, replace("c", "a"), "done"],
    ],
  },
  {
    title: "a write that was answered and is gone",
    lines: [
      [0, 1, create("a"), "done"],
      [2, 3, get, "absent"],
    ],
  },
  {
    title: "a read of what was not written yet",
    lines: [
      [0, 1, create("a"), "done"],
      [2, 3, get, found("b")],
      [4, 5, replace("b"), "done"],
    ],
  },
  {
    title: "two reads, one after the other, that see two writes the other way round",
    lines: [
      [0, 1, create("a"), "done"],
      [2, 20, replace("b"), "done"],
      [3, 4, get, found("b")],
      [5, 6, get, found("a")],
    ],
  },
  {
    title: "a write without an answer that was seen, and then had never happened",
    lines: [
      [0, 1, create("a"), "done"],
      [2, Infinity, remove],
      [3, 4, get, "absent"],
      [5, 6, get, found("a")],
    ],
  },
  {
    title: "a refusal for which there was no reason",
    lines: [
      [0, 1, create("a"), "done"],
      [2, 3, replace("b", "a"), "other"],
    ],
  },
];

for (const { title, lines } of BAD) {
  test(`the checker rejects ${title}`, () => assert.equal(isLinear(historyOf(lines)), false));
}

test("the checker accepts what can be put in an order, also where answers did not come", () => {
  const history = historyOf([
    [0, 10, create("a"), "done"],
    [1, 9, get, "absent"],
    [2, 8, get, found("a")],
    [3, Infinity, replace("b", "a")],
    [11, 12, get, found("a")],
    [13, 20, get, found("b")],
    [14, Infinity, remove],
    [21, 22, get, found("b")],
  ]);
  assert(isLinear(history));
});

test(`the checker agrees with the trying of all orders (VARVE_SEED=${SEED})`, () => {
  const chance = seededChance(SEED);
  const verdicts = { true: 0, false: 0 };
  for (let round = 0; round < 400; round += 1) {
    const history = randomHistory(chance);
    const expected = permutations(history).some((order) => isPossible(order));
    assert.equal(isLinear(history), expected, `round ${round}: ${JSON.stringify(history)}`);
    verdicts[`${expected}`] += 1;
  }
  assert(verdicts.true > 40 && verdicts.false > 40, JSON.stringify(verdicts));
});

/** What some object answers, with a mistake now and then. */
function randomHistory(chance: Chance): readonly Operation[] {
  let state: string | undefined;
  const whole = (below: number) => Math.floor(chance.fraction() * below);
  return Array.from({ length: 1 + whole(5) }, (_, at): Operation => {
    const wishes = [
      get,
      create(`t${at}`),
      replace(`t${at}`),
      replace(`t${at}`, `t${whole(3)}`),
      remove,
    ];
    const wish = wishes[whole(wishes.length)] ?? get;
    const right = outcomeOf(wish, state);
    const wrong = ["done", "there", "absent", "other", found(`t${whole(3)}`)] as const;
    const outcome = chance.fraction() < 0.15 ? wrong[whole(wrong.length)] : right;
    if (right === "done") state = stateAfter(wish);
    const beganMs = at * 3 - whole(8);
    const isOpen = chance.fraction() < 0.15;
    const endedMs = isOpen ? Infinity : at * 3 + 1 + whole(8);
    return { wish, beganMs, endedMs, outcome: isOpen ? undefined : outcome };
  });
}

function permutations(all: readonly Operation[]): readonly (readonly Operation[])[] {
  if (all.length === 0) return [[]];
  return all.flatMap((first, at) =>
    permutations(all.toSpliced(at, 1)).map((rest) => [first, ...rest]),
  );
}

/** Whether this order keeps to the times, and each open one can have happened there or never. */
function isPossible(order: readonly Operation[]): boolean {
  const inTime = order.every((it, at) =>
    order.slice(at + 1).every((later) => later.endedMs >= it.beganMs),
  );
  return inTime && canHappen(order, undefined);
}

function canHappen([first, ...rest]: readonly Operation[], state: string | undefined): boolean {
  if (first === undefined) return true;
  const { wish, outcome } = first;
  const right = outcomeOf(wish, state);
  const next = right === "done" ? stateAfter(wish) : state;
  if (outcome === undefined) return canHappen(rest, next) || canHappen(rest, state);
  return JSON.stringify(outcome) === JSON.stringify(right) && canHappen(rest, next);
}
