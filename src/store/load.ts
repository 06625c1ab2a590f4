import type { Resource } from "../api/meta.ts";
import { Live } from "./live.ts";
import type { LogFile, Row } from "./log_file.ts";
import { isSealed, standIn, type Vault } from "./vault.ts";

/** What a log comes to. */
export interface Loaded {
  readonly live: Live;
  readonly revision: number;
  readonly compactedRevision: number;
  /** Rows that are not sealed, or not as they would be now. */
  readonly stale: number;
  /** Of them, those that anybody can read who has the file. */
  readonly plain: number;
}

/**
 * Reads the whole log, newest first: what counts is what no row after it has replaced. Throws when
 * a row is damaged, or missing where none may be.
 */
export function load(file: LogFile, vault?: Vault): Loaded {
  const { compacted } = file.state();
  const live = new Live((wanted) => {
    const row = file.at(wanted);
    if (row.body === undefined) throw file.damaged(`revision ${wanted} holds no resource`);
    return resourceIn({ ...row, body: row.body }, vault);
  });
  const replaced = new Set<number>();
  let count = 0;
  let revision: number | undefined;
  let next: number | undefined;
  let stale = 0;
  let plain = 0;
  for (const row of file.newestFirst()) {
    revision ??= row.revision;
    if (next !== undefined && next > compacted && row.revision !== next) {
      throw file.damaged(`revision ${next} is missing`);
    }
    next = row.revision - 1;
    const { key, body, previous } = row;
    if (body !== undefined && vault?.isCurrent(key, body) === false) {
      stale += 1;
      if (!isSealed(body)) plain += 1;
    }
    if (previous > 0) replaced.add(previous);
    if (replaced.delete(row.revision) || body === undefined) continue;
    count += 1;
    if (!isSealed(body)) live.addUnread(key, row.revision, body);
    // Opened now, for whether the keys are there is told at the start or too late.
    else live.apply(key, { type: "put", resource: resourceIn({ ...row, body }, vault) });
  }
  if (next !== undefined && next > compacted) throw file.damaged(`revision ${next} is missing`);
  if (live.size !== count) throw file.damaged("two rows are the newest of one key");
  // The last rows may all have been deletions, and swept away.
  const last = Math.max(revision ?? 0, compacted);
  return { live, revision: last, compactedRevision: compacted, stale, plain };
}

/**
 * The checksum has shown that it is what a resource was written as. Where nobody brought a vault,
 * nobody wants to know what is sealed, but that it is there.
 */
export function resourceIn(
  { key, revision, body }: Pick<Row, "key" | "revision"> & { readonly body: string },
  vault?: Vault,
): Resource {
  if (vault === undefined && isSealed(body)) return standIn(key, revision);
  return JSON.parse(vault?.open(key, body) ?? body);
}
