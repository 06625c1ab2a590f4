import { isDeepStrictEqual } from "node:util";
import { SERVICE, type Service } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import type { Context, Server } from "../command.ts";
import { writeService } from "../deploy/put_service.ts";
import { failure } from "../failure.ts";
import { mustService, revisionsOf } from "../find_service.ts";
import { Progress } from "../progress.ts";
import { inWords, readinessOf, sharesOf } from "../service_facts.ts";
import { until } from "../until.ts";
import { View } from "../view.ts";
import { differencesOf } from "./difference.ts";
import type { Known } from "./names.ts";

/** Decides where requests shall go, from what there is. Throws `Failure`. */
export type Plan = (known: Known) => readonly TrafficTarget[];

export interface Move {
  readonly name: string;
  readonly plan: Plan;
  /** Annotations of the service that belong to the plan. */
  readonly notes?: () => Readonly<Record<string, string>>;
  /** Absent: not at all. */
  readonly waitMs: number | undefined;
}

export interface Moved {
  readonly service: Service;
  readonly isChanged: boolean;
}

/** Moves traffic as planned, says what that means, and waits until every worker does it. */
export async function moveTraffic(context: Context, server: Server, move: Move): Promise<Moved> {
  const { terminal, clock, signal } = context;
  const { name, plan, notes, waitMs } = move;
  let differences: readonly string[] = [];
  const { before, after } = await writeService(context, {
    ...{ name, server },
    write: async (found) => {
      const service = found ?? (await mustService(server, name, context));
      const traffic = plan({ service, revisions: await revisionsOf(context, server, name) });
      differences = differencesOf(service, traffic);
      const { status: _, ...rest } = service;
      const annotations = { ...rest.metadata.annotations, ...notes?.() };
      const metadata = { ...rest.metadata, annotations };
      const next = { ...rest, metadata, spec: { ...service.spec, traffic } };
      return await server.client.put<Service>(next, { signal });
    },
  });
  const isChanged = !isDeepStrictEqual(before?.spec.traffic, after.spec.traffic);
  if (isChanged) terminal.say(`${name}: ${differences.join("; ")}`);
  if (waitMs === undefined) return { service: after, isChanged };
  using progress = new Progress({ terminal, clock });
  return { service: await settled(after, { context, server, progress, waitMs }), isChanged };
}

interface Settling {
  readonly context: Context;
  readonly server: Server;
  readonly progress: Progress;
  readonly waitMs: number;
}

async function settled(asked: Service, settling: Settling): Promise<Service> {
  const { context, server, progress, waitMs } = settling;
  const { clock, signal } = context;
  const { client, namespace } = server;
  const { name, generation } = asked.metadata;
  await using view = new View({ client, clock, signal });
  const fieldSelector = `metadata.name=${name}`;
  const services = await view.watch(SERVICE, { namespace, fieldSelector });
  const present = () => {
    const service = services.get(name);
    if (service !== undefined) return service;
    throw failure(`Service "${name}" was deleted meanwhile`);
  };
  const look = () => routesOf(present(), generation);
  const step = `updating the routes of ${name}`;
  const { status, message, isLate } = await until(view, { clock, progress, waitMs, step, look });
  if (status === "True") return present();
  const why = isLate ? "has not moved in time" : "cannot move";
  throw notMoved(present(), `the traffic ${why}: ${message}`);
}

/** What is known of its routes, as they are asked for now. */
function routesOf({ status }: Service, generation: number) {
  const isObserved = (status?.observedGeneration ?? 0) >= generation;
  const routes = readinessOf(status, "RoutesReady");
  return isObserved ? routes : { ...routes, status: "Unknown" as const };
}

function notMoved(service: Service, why: string) {
  const shares = inWords(sharesOf(service));
  return failure(`${service.metadata.name}: ${why}`, `Requests go to ${shares} as before`);
}
