/**
 * Counts which places of some files are run, and how often: their text is changed as they are
 * loaded, so that each branch begins with adding to its own cell. To be called before anything
 * imports them.
 */
import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";
import { type AnyNode, parse } from "acorn";

const CELLS = "varvePlaces";

/** The cells, which whoever looks at them sets back to 0. There are as many as could be needed. */
export const cells = new Uint8Array(65_536);
let used = 0;

export function countPlacesOf(files: RegExp): void {
  Object.assign(globalThis, { [CELLS]: cells });
  registerHooks({
    load(url, context, next) {
      if (!files.test(url)) return next(url, context);
      const text = stripTypeScriptTypes(readFileSync(fileURLToPath(url), "utf8"));
      return { format: "module", source: counted(text), shortCircuit: true };
    },
  });
}

/** How many places there are. */
export function placeCount(): number {
  return used;
}

interface Added {
  readonly at: number;
  readonly text: string;
}

/** The same program, which counts as it runs. */
function counted(text: string): string {
  const opening: Added[] = [];
  const closing: Added[] = [];
  for (const branch of branchesOf(parse(text, { ecmaVersion: "latest", sourceType: "module" }))) {
    const count = `${CELLS}[${used++}]++`;
    if (branch.type === "BlockStatement") {
      opening.push({ at: branch.start + 1, text: `${count};` });
      continue;
    }
    const isStatement = /Statement$|Declaration$/.test(branch.type);
    opening.push({ at: branch.start, text: isStatement ? `{${count};` : `(${count},` });
    closing.push({ at: branch.end, text: isStatement ? "}" : ")" });
  }
  // Outer ones were found first. What ends somewhere ends before another begins there.
  const inOrder = [...closing.toReversed(), ...opening].sort((one, other) => one.at - other.at);
  let from = 0;
  const pieces = inOrder.map(({ at, text: added }) => {
    const before = text.slice(from, at);
    from = at;
    return before + added;
  });
  return pieces.join("") + text.slice(from);
}

/** All that is run or not, depending on something; what contains others comes before them. */
function* branchesOf(node: AnyNode): Generator<AnyNode> {
  for (const branch of branchesAt(node)) if (branch) yield branch;
  for (const inner of Object.values(node).flat()) {
    if (typeof inner?.type === "string") yield* branchesOf(inner);
  }
}

function branchesAt(node: AnyNode): readonly (AnyNode | null | undefined)[] {
  switch (node.type) {
    case "IfStatement":
      return [node.consequent, node.alternate];
    case "ConditionalExpression":
      return [node.consequent, node.alternate];
    case "LogicalExpression":
      return [node.right];
    case "SwitchCase":
      return node.consequent.slice(0, 1).filter(({ type }) => !/Declaration$/.test(type));
    case "ForStatement":
    case "ForOfStatement":
    case "ForInStatement":
    case "WhileStatement":
    case "DoWhileStatement":
    case "FunctionExpression":
    case "FunctionDeclaration":
    case "ArrowFunctionExpression":
      return [node.body];
    default:
      return [];
  }
}
