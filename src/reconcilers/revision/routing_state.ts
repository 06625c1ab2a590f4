import { ANNOTATION, LABEL } from "../../api/labels.ts";
import type { Revision } from "../../api/revision.ts";
import type { Client } from "../../client/client.ts";
import type { Wanted } from "./wanted.ts";

/** Writes on a Revision whether it is routed, and by whom (spec/elafros §4.2). */
export async function keepRoutingState(
  revision: Revision,
  wanted: Wanted,
  client: Client,
): Promise<Revision> {
  const { labels = {}, annotations = {} } = revision.metadata;
  const before = labels[LABEL.routingState] ?? "pending";
  const after = stateAfter(before, wanted);
  const names = [...new Set(wanted.routes.map(({ name }) => name))].sort().join(",");
  if (after === before && names === (annotations[ANNOTATION.routes] ?? "")) return revision;
  const { [ANNOTATION.routes]: _, ...others } = annotations;
  const metadata = {
    ...revision.metadata,
    labels: { ...labels, [LABEL.routingState]: after },
    annotations: { ...others, ...(names !== "" && { [ANNOTATION.routes]: names }) },
  };
  return await client.put<Revision>({ ...revision, metadata });
}

/** What was passed over before it was ever routed is kept in reserve like all that is old. */
function stateAfter(before: string, { routes, isLatest }: Wanted): string {
  if (routes.length > 0) return "active";
  return before === "pending" && isLatest ? "pending" : "reserve";
}
