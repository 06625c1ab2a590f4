import { EVENT_V1_VIEW } from "../api/event_v1.ts";
import type { Kind } from "../api/kind.ts";
import type { View } from "../api/view.ts";
import type { ApiRoute } from "./api_route.ts";
import type { ServerContext } from "./context.ts";
import { resourceRoutes } from "./resource_routes.ts";
import { ViewStore } from "./view_store.ts";

const VIEWS: readonly View[] = [EVENT_V1_VIEW as unknown as View];

/** Kinds that are other forms of kinds in the store. */
export const VIEWED: readonly Kind[] = VIEWS.map(({ kind }) => kind);

/** The paths of kinds that are served in another form than they are stored in. */
export function viewRoutes(context: ServerContext): readonly ApiRoute[] {
  return VIEWS.flatMap((view) => {
    return resourceRoutes(view.kind, { ...context, store: new ViewStore(context.store, view) });
  });
}
