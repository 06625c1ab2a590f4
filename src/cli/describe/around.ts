import { EVENT, type Event } from "../../api/event.ts";
import { LABEL } from "../../api/labels.ts";
import { POD, type Pod } from "../../api/pod.ts";
import { REVISION, type Revision } from "../../api/revision.ts";
import type { Context, Server } from "../command.ts";
import { byAge } from "../service_facts.ts";

/** What there is around a service or a revision. */
export interface Around {
  /** The newest first. */
  readonly revisions: readonly Revision[];
  readonly instances: readonly Pod[];
  /** The oldest first. */
  readonly events: readonly Event[];
}

const EVENTS_MAX = 10;

/** Reads what belongs to all that a label says the same of. */
export async function readAround(
  label: string,
  names: readonly string[],
  { context, server }: { readonly context: Context; readonly server: Server },
): Promise<Around> {
  const { client, namespace } = server;
  const { signal } = context;
  const where = { namespace, signal };
  const [revisions, pods, events] = await Promise.all([
    client.list(REVISION, { ...where, labelSelector: label }),
    client.list(POD, { ...where, labelSelector: `${label},!${LABEL.build}` }),
    client.list(EVENT, where),
  ]);
  const own = [...revisions.items, ...pods.items].map(({ metadata }) => metadata.name);
  const known = new Set([...names, ...own]);
  const about = events.items.filter(({ involvedObject }) => known.has(involvedObject.name ?? ""));
  return {
    revisions: revisions.items.toSorted(byAge),
    instances: pods.items,
    events: about
      .toSorted((one, other) => timeOf(one).localeCompare(timeOf(other)))
      .slice(-EVENTS_MAX),
  };
}

/** When it happened last. */
export function timeOf({ lastTimestamp, eventTime, metadata }: Event): string {
  return lastTimestamp ?? eventTime ?? metadata.creationTimestamp;
}
