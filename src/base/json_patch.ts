import { isDeepStrictEqual } from "node:util";

/** As many operations as Kubernetes takes in one patch, and as many bytes as they may copy. */
const OPERATIONS_MAX = 10_000;
const COPIED_BYTES_MAX = 3 * 1024 * 1024;

/**
 * Applies a JSON Patch (RFC 6902) to a copy. Throws an `Error` that says which operation cannot be
 * applied, and why; then nothing of the patch is. It never repeats a value: that may be a secret.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new Error("a JSON Patch is a list of operations");
  if (patch.length > OPERATIONS_MAX) {
    throw new Error(`a JSON Patch has at most ${OPERATIONS_MAX} operations, this ${patch.length}`);
  }
  const work: Work = { root: structuredClone(document), copiedBytes: 0 };
  for (const [index, operation] of patch.entries()) {
    try {
      applyOne(work, operation);
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      throw new Error(`operation ${index}${titleOf(operation)}: ${why}`, { cause: thrown });
    }
  }
  return work.root;
}

interface Work {
  root: unknown;
  copiedBytes: number;
}

type Fields = Readonly<Record<string, unknown>>;
type Path = readonly string[];

const VERBS: Readonly<Record<string, (work: Work, path: Path, operation: Fields) => void>> = {
  add: (work, path, operation) => add(work, path, structuredClone(valueIn(operation))),
  remove,
  replace(work, path, operation) {
    const value = structuredClone(valueIn(operation));
    get(work.root, path);
    if (path.length > 0) remove(work, path);
    add(work, path, value);
  },
  move(work, path, operation) {
    const from = pathIn(operation, "from");
    const value = get(work.root, from);
    if (isDeepStrictEqual(path, from)) return;
    if (isDeepStrictEqual(path.slice(0, from.length), from)) {
      throw new Error("what is moved cannot go inside of itself");
    }
    remove(work, from);
    add(work, path, value);
  },
  copy(work, path, operation) {
    const value = get(work.root, pathIn(operation, "from"));
    // Copies of copies double each time, so what counts is what they come to.
    work.copiedBytes += JSON.stringify(value).length;
    if (work.copiedBytes > COPIED_BYTES_MAX) {
      throw new Error(`a JSON Patch may copy at most ${COPIED_BYTES_MAX} bytes in all`);
    }
    add(work, path, structuredClone(value));
  },
  test(work, path, operation) {
    if (isDeepStrictEqual(get(work.root, path), valueIn(operation))) return;
    throw new Error("the value there is another");
  },
};

function applyOne(work: Work, operation: unknown): void {
  if (!isObject(operation)) throw new Error("it is no object");
  const { op } = operation;
  const isKnown = typeof op === "string" && Object.hasOwn(VERBS, op);
  const act = isKnown ? VERBS[op] : undefined;
  if (act === undefined) throw new Error(`op must be one of ${Object.keys(VERBS).join(", ")}`);
  act(work, pathIn(operation, "path"), operation);
}

function add(work: Work, path: Path, value: unknown): void {
  const key = path.at(-1);
  if (key === undefined) {
    work.root = value;
    return;
  }
  const parent = get(work.root, path.slice(0, -1));
  if (Array.isArray(parent)) {
    parent.splice(key === "-" ? parent.length : indexIn(parent, key, parent.length), 0, value);
  } else if (isObject(parent)) {
    // An assignment to "__proto__" would do something else.
    const property = { value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(parent, key, property);
  } else throw new Error(`there is no object or list at "${pointer(path.slice(0, -1))}"`);
}

function remove(work: Work, path: Path): void {
  const key = path.at(-1);
  if (key === undefined) throw new Error("the whole cannot be removed");
  get(work.root, path);
  const parent = get(work.root, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent as object, key);
}

function get(root: unknown, path: Path): unknown {
  let at = root;
  for (const [depth, key] of path.entries()) {
    if (Array.isArray(at)) at = at[indexIn(at, key, at.length - 1)];
    else if (isObject(at) && Object.hasOwn(at, key)) at = at[key];
    else throw new Error(`there is nothing at "${pointer(path.slice(0, depth + 1))}"`);
  }
  return at;
}

function indexIn(list: readonly unknown[], key: string, most: number): number {
  if (/^(0|[1-9]\d{0,8})$/.test(key) && Number(key) <= most) return Number(key);
  throw new Error(`"${key}" is no place in a list of ${list.length}`);
}

function valueIn(operation: Fields): unknown {
  if (!Object.hasOwn(operation, "value")) throw new Error("it must have a value");
  return operation["value"];
}

function pathIn(operation: Fields, name: "path" | "from"): Path {
  const text = operation[name];
  if (typeof text !== "string" || !/^(\/|$)/.test(text) || /~(?![01])/.test(text)) {
    throw new Error(`${name} must be a JSON pointer, such as "/spec/traffic/0"`);
  }
  const steps = text.split("/").slice(1);
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function pointer(path: Path): string {
  return path.map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function titleOf(operation: unknown): string {
  if (!isObject(operation)) return "";
  const { op, path } = operation;
  return typeof op === "string" && typeof path === "string" ? ` (${op} "${path}")` : "";
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
