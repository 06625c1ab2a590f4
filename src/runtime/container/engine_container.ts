import type { Value } from "../../base/schema.ts";
import { read } from "../../base/schema_reading.ts";
import type { InstanceSpec } from "../runtime.ts";
import type { Connection } from "./connection.ts";
import { type Engine, isStatus } from "./engine.ts";
import { BINDINGS, CONTAINER, CONTAINERS } from "./engine_schema.ts";
import { portOf } from "./plan.ts";

/** On our containers: whose they are. */
export const LABEL = {
  server: "varve.dev/server",
  instance: "varve.dev/instance",
  revision: "varve.dev/revision",
} as const;

export type Found = Value<typeof CONTAINER>;

/** The container as it is, or nothing when there is none. */
export async function look(engine: Engine, container: string): Promise<Found | undefined> {
  try {
    return await engine.get(`/containers/${container}/json`, CONTAINER);
  } catch (thrown) {
    if (isStatus(thrown, 404)) return undefined;
    throw thrown;
  }
}

/** Where it is reached; nothing when it has ended already. */
export function addressOf({ NetworkSettings }: Found, spec: InstanceSpec, connection: Connection) {
  const { network, isDirect } = connection;
  const { Networks = {}, Ports = {} } = NetworkSettings ?? {};
  const host = Networks[network]?.IPAddress ?? "";
  if (isDirect) return host === "" ? undefined : { host, port: spec.port };
  const [bound] = read(BINDINGS, Ports[portOf(spec)] ?? []).value;
  const port = Number(bound?.HostPort ?? 0);
  return port === 0 ? undefined : { host: "127.0.0.1", port };
}

/** Removes containers of ours that nobody knows of. Answers with why it could not, for each. */
export async function sweep(
  engine: Engine,
  mark: string,
  known: ReadonlySet<string>,
): Promise<readonly unknown[]> {
  const filters = JSON.stringify({ label: [`${LABEL.server}=${mark}`] });
  const query = { all: true, filters };
  const found = await engine.get("/containers/json", CONTAINERS, { query });
  const isKnown = (name: string) => known.has(name.replace(/^\//, ""));
  const left = found.filter(({ Names = [] }) => !Names.some(isKnown));
  const removals = await Promise.allSettled(left.map(({ Id }) => removeContainer(engine, Id)));
  return removals.flatMap((it) => (it.status === "rejected" ? [it.reason] : []));
}

/** Removes a container with its writable files, whatever it does. */
export async function removeContainer(engine: Engine, container: string): Promise<void> {
  try {
    await engine.remove(`/containers/${container}`, { query: { force: true, v: true } });
  } catch (thrown) {
    // It is gone, or about to be.
    if (!isStatus(thrown, 404, 409)) throw thrown;
  }
}
