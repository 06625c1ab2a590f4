import { parse, parseAllDocuments, stringify } from "yaml";

/** Reads one YAML (or JSON) document. Throws with line and column when it is not one. */
export function readYaml(text: string): unknown {
  return parse(text);
}

/** Reads a stream of YAML documents, empty ones left out. Throws as `readYaml` does. */
export function readAllYaml(text: string): readonly unknown[] {
  const documents = parseAllDocuments(text);
  return [...documents]
    .map((document) => {
      const [problem] = document.errors;
      if (problem !== undefined) throw problem;
      return document.toJS() as unknown;
    })
    .filter((value) => value !== null && value !== undefined);
}

export function writeYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}
