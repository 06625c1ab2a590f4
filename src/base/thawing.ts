import { writeFileSync } from "node:fs";

/** What to write where, so that processes that were frozen go on. */
export interface Thawing {
  readonly path: string;
  readonly text: string;
}

/** Thaws them. Of what is not frozen nothing happens. Answers whether we could. */
export function thaw({ path, text }: Thawing): boolean {
  try {
    writeFileSync(path, text, { flag: "r+" });
    return true;
  } catch {
    return false;
  }
}
