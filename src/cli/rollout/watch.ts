import { LABEL } from "../../api/labels.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE } from "../../api/service.ts";
import type { Context, Server } from "../command.ts";
import { failure } from "../failure.ts";
import { View } from "../view.ts";
import type { Seen } from "./facts.ts";

export interface Watch extends AsyncDisposable {
  /** What there is now. Throws `Failure` when the service has gone. */
  seen(): Seen;
  /** As `View.changed`. */
  changed(withinMs: number): Promise<void>;
  readonly view: View;
}

/** Follows a service and all that says how its rollout stands. */
export async function watchRollout(
  { clock, signal }: Context,
  { client, namespace }: Server,
  name: string,
): Promise<Watch> {
  const view = new View({ client, clock, signal });
  const fieldSelector = `metadata.name=${name}`;
  const labelSelector = `${LABEL.service}=${name}`;
  const [services, routes, revisions] = await Promise.all([
    view.watch(SERVICE, { namespace, fieldSelector }),
    view.watch(ROUTE, { namespace, fieldSelector }),
    view.watch(REVISION, { namespace, labelSelector }),
  ]);
  return {
    view,
    seen() {
      const service = services.get(name);
      if (service === undefined) throw failure(`Service "${name}" was deleted meanwhile`);
      return { service, route: routes.get(name), revisions: revisions.list() };
    },
    changed: (withinMs) => view.changed(withinMs),
    [Symbol.asyncDispose]: () => view[Symbol.asyncDispose](),
  };
}
