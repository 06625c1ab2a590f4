import { ApiError } from "../api/error.ts";
import type { ManagedFieldsEntry } from "../api/meta.ts";

/** What somebody else owns of what an applier would change. */
export interface Contested {
  readonly entry: ManagedFieldsEntry;
  readonly paths: readonly string[];
}

/** The refusal to change what others own, in the words that kubectl knows how to explain. */
export function applyConflict(contested: readonly Contested[]): ApiError {
  const all = contested.map(({ entry, paths }) => ({ owner: ownerOf(entry), paths }));
  const causes = all.flatMap(({ owner, paths }) =>
    paths.map((field) => {
      return { reason: "FieldManagerConflict", message: `conflict with ${owner}`, field };
    }),
  );
  const [only] = causes;
  const lines = all.flatMap(({ owner, paths }) => [
    `conflicts with ${owner}:`,
    ...paths.map((path) => `- ${path}`),
  ]);
  const message =
    causes.length === 1 && only !== undefined
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${lines.join("\n")}`;
  return new ApiError("Conflict", message, { details: { causes } });
}

function ownerOf({ manager = "", operation, subresource, apiVersion, time }: ManagedFieldsEntry) {
  const through = subresource === undefined ? "" : ` with subresource "${subresource}"`;
  const named = `"${manager}"${through}`;
  if (operation !== "Update") return named;
  return `${named} using ${apiVersion}${time === undefined ? "" : ` at ${time}`}`;
}
