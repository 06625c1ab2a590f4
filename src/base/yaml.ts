import {
  type Document,
  isCollection,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  parseDocument,
  stringify,
  visit,
  YAMLParseError,
} from "yaml";

/**
 * YAML as JSON can hold it. `<<` merges, as Kubernetes' own tools have it. That keys differ we
 * check ourselves: the library compares each with each.
 */
const OPTIONS = {
  merge: true,
  stringKeys: true,
  uniqueKeys: false,
  resolveKnownTags: false,
  logLevel: "error",
} as const;

/** Each is looked for among all anchors. */
const ALIASES_MAX = 200;

/**
 * Reads one YAML (or JSON) document. Throws with line and column when it is not one; never
 * repeats what stands there, which may be a secret.
 */
export function readYaml(text: string): unknown {
  const lines = new LineCounter();
  return contentOf(parseDocument(text, { ...OPTIONS, lineCounter: lines }), lines);
}

/** Reads a stream of YAML documents, empty ones left out. Throws as `readYaml` does. */
export function readAllYaml(text: string): readonly unknown[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { ...OPTIONS, lineCounter: lines });
  return [...documents]
    .map((document) => contentOf(document, lines))
    .filter((value) => value !== null && value !== undefined);
}

export function writeYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}

function contentOf(document: Document, lines: LineCounter): unknown {
  const [problem] = document.errors;
  if (problem !== undefined) throw unreadable(problem);
  check(document, lines);
  try {
    return document.toJS();
  } catch (thrown) {
    throw unreadable(thrown);
  }
}

/** The first line of the library's message, without what it quotes of the text. */
function unreadable(problem: unknown): Error {
  if (problem instanceof YAMLParseError && problem.code === "MULTIPLE_DOCS") {
    const [{ line, col } = { line: 1, col: 1 }] = problem.linePos ?? [];
    return new Error(
      `There may be one document only, another begins at line ${line}, column ${col}`,
    );
  }
  const [line = ""] = String(problem instanceof Error ? problem.message : problem).split("\n");
  return new Error(line.replace(/:$/, "").replace(/: .*?(?=$| at line \d+, column \d+$)/, ""));
}

function check(document: Document, lines: LineCounter): void {
  let aliases = 0;
  const refuse = (why: string, { range }: Node) => {
    const { line, col } = lines.linePos(range?.[0] ?? 0);
    throw new Error(`${why} at line ${line}, column ${col}`);
  };
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (key.value !== "<<" && seen.has(key.value)) refuse("Map keys must be unique", key);
        seen.add(key.value);
      }
    },
    Alias(_, alias, path) {
      aliases += 1;
      if (aliases > ALIASES_MAX) refuse(`There may be at most ${ALIASES_MAX} aliases`, alias);
      const isInside = path.some((it) => isCollection(it) && it.anchor === alias.source);
      if (isInside) refuse("An alias cannot stand for what it is in", alias);
    },
  });
}
