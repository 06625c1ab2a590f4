/** One command of a document, and what it is said to print. */
export interface Shown {
  readonly command: string;
  /** Lines; "…" stands for any text in a line, and alone for any lines. */
  readonly prints: readonly string[];
}

/** The commands of all blocks that are marked as `console`, in order. */
export function commandsOf(markdown: string): readonly Shown[] {
  const blocks = markdown.matchAll(/^```console\n(.*?)^```$/gms);
  return [...blocks].flatMap(([, block = ""]) => shownIn(block.trimEnd().split("\n")));
}

function shownIn(lines: readonly string[]): readonly Shown[] {
  const shown: { command: string; prints: string[] }[] = [];
  let end: string | undefined;
  for (const line of lines) {
    const last = shown.at(-1);
    if (end !== undefined && last !== undefined) {
      last.command += `\n${line}`;
      if (line === end) end = undefined;
    } else if (line.startsWith("$ ")) {
      shown.push({ command: line.slice(2), prints: [] });
      end = /<<'(\w+)'$/.exec(line)?.[1];
    } else last?.prints.push(line);
  }
  return shown;
}

/** Whether a text is what a document says is printed. */
export function isAsShown(text: string, prints: readonly string[]): boolean {
  const lines = prints.map((line) =>
    line === "…" ? "(?:.*\n)*" : `${line.split("…").map(escaped).join(".*")}\n`,
  );
  const whole = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return new RegExp(`^${lines.join("")}$`).test(whole);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
