import type { Resource } from "../api/meta.ts";
import { Live } from "./live.ts";
import type { LogFile } from "./log_file.ts";

/** What a log comes to. */
export interface Loaded {
  readonly live: Live;
  readonly revision: number;
  readonly compactedRevision: number;
}

/**
 * Reads the whole log, newest first, so that of each key the first row is the one that counts.
 * Throws when a row is damaged, or missing where none may be.
 */
export function load(file: LogFile): Loaded {
  const { compacted } = file.state();
  const live = new Live();
  const deleted = new Set<string>();
  let revision: number | undefined;
  let next: number | undefined;
  for (const row of file.newestFirst()) {
    revision ??= row.revision;
    if (next !== undefined && next > compacted && row.revision !== next) {
      throw file.damaged(`revision ${next} is missing`);
    }
    next = row.revision - 1;
    const { key, body } = row;
    if (deleted.has(key) || live.at(key) !== undefined) continue;
    if (body === undefined) deleted.add(key);
    else live.apply(key, { type: "put", resource: resourceIn(body) });
  }
  if (next !== undefined && next > compacted) throw file.damaged(`revision ${next} is missing`);
  // The last rows may all have been deletions, and swept away.
  return { live, revision: Math.max(revision ?? 0, compacted), compactedRevision: compacted };
}

/** The checksum has shown that it is what a resource was written as. */
export function resourceIn(body: string): Resource {
  return JSON.parse(body);
}
