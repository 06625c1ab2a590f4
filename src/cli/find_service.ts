import { isReason } from "../api/error.ts";
import { LABEL } from "../api/labels.ts";
import { REVISION } from "../api/revision.ts";
import { SERVICE, type Service } from "../api/service.ts";
import { didYouMean } from "./closest.ts";
import type { Context, Server } from "./command.ts";
import { failure } from "./failure.ts";
import { byAge } from "./service_facts.ts";

/** The service of this name. Throws `Failure`, which says what there is, when there is none. */
export async function mustService(
  { client, namespace }: Server,
  name: string,
  { signal, command }: Context,
): Promise<Service> {
  const found = await orNothing(client.get(SERVICE, { namespace, name }, { signal }));
  if (found !== undefined) return found;
  const { items } = await client.list(SERVICE, { namespace, signal });
  const names = items.map(({ metadata }) => metadata.name);
  const message = `There is no service "${name}" in the namespace "${namespace}"`;
  throw failure(`${message}${didYouMean(name, names)}`, ...whatThereIs(names, command));
}

/** All revisions of a service, the newest first. */
export async function revisionsOf({ signal }: Context, server: Server, name: string) {
  const { client, namespace } = server;
  const labelSelector = `${LABEL.service}=${name}`;
  const { items } = await client.list(REVISION, { namespace, labelSelector, signal });
  return items.toSorted(byAge);
}

/** What was asked for, or nothing when there is no such thing. */
export async function orNothing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (isReason(thrown, "NotFound")) return undefined;
    throw thrown;
  }
}

/** What to look at instead. */
function whatThereIs(names: readonly string[], command: Context["command"]): readonly string[] {
  if (names.length === 0)
    return [`There is none at all; deploy one: ${command("deploy DIRECTORY")}`];
  const some = names.slice(0, 10).join(", ");
  return [`There are: ${some}${names.length > 10 ? ", …" : ""}`];
}
