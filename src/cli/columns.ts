import { plain } from "./terminal.ts";

const GAP = "   ";

/** Rows under headings, by columns and without borders, as kubectl prints them. */
export function columns(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  return aligned([headings, ...rows]);
}

/** Rows whose cells stand below one another. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, at) =>
    Math.max(...rows.map((row) => widthOf(row[at] ?? ""))),
  );
  return rows.map((row) =>
    widths
      .map((width, at) => padded(row[at] ?? "", width))
      .join(GAP)
      .trimEnd(),
  );
}

function padded(cell: string, width: number): string {
  return `${cell}${" ".repeat(width - widthOf(cell))}`;
}

function widthOf(cell: string): number {
  return [...plain(cell)].length;
}
