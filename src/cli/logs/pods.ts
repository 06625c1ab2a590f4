import { LABEL } from "../../api/labels.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { SERVICE } from "../../api/service.ts";
import type { ListOptions } from "../../client/client.ts";
import { didYouMean } from "../closest.ts";
import type { Context, Server } from "../command.ts";
import { buildPodOf } from "../deploy/build_log.ts";
import { failure } from "../failure.ts";
import { orNothing } from "../find_service.ts";

/** Whose logs are wanted. */
export interface Sources {
  /** Which Pods, also those that are still to come. */
  readonly which: ListOptions;
  /** For messages: `service "hello"`. */
  readonly title: string;
  /** What the names of the Pods begin with, and lines need not repeat. */
  readonly prefix: string;
  /** There can be one only, so that lines need not say from whom they are. */
  readonly isSingle: boolean;
}

/** Finds out whether a service, a revision or a Pod is meant. Throws `Failure`. */
export async function findSources(
  name: string,
  isBuild: boolean,
  { context, server }: { readonly context: Context; readonly server: Server },
): Promise<Sources> {
  const { client, namespace } = server;
  const { signal } = context;
  const key = { namespace, name };
  const service = await orNothing(client.get(SERVICE, key, { signal }));
  if (service !== undefined) {
    const title = `service "${name}"`;
    if (!isBuild) return instancesOf(`${LABEL.service}=${name}`, { namespace, title, name });
    const latest = service.status?.latestCreatedRevisionName;
    if (latest === undefined) throw failure(`${title} has no revision yet`);
    return single(buildPodOf(latest), { namespace, title: `the build of "${latest}"` });
  }
  const revision = await orNothing(client.get(REVISION, key, { signal }));
  if (revision !== undefined) {
    if (isBuild) return single(buildPodOf(name), { namespace, title: `the build of "${name}"` });
    const title = `revision "${name}"`;
    const service = revision.metadata.labels?.[LABEL.service] ?? name;
    return instancesOf(`${LABEL.revision}=${name}`, { namespace, title, name: service });
  }
  const pod = await orNothing(client.get(POD, key, { signal }));
  if (pod !== undefined) return single(name, { namespace, title: `Pod "${name}"` });
  throw await nobody(name, { context, server });
}

interface Naming {
  readonly namespace: string;
  readonly title: string;
}

function instancesOf(
  selector: string,
  { namespace, title, name }: Naming & { readonly name: string },
): Sources {
  const labelSelector = `${selector},!${LABEL.build}`;
  return { which: { namespace, labelSelector }, title, prefix: `${name}-`, isSingle: false };
}

function single(name: string, { namespace, title }: Naming): Sources {
  const fieldSelector = `metadata.name=${name}`;
  return { which: { namespace, fieldSelector }, title, prefix: "", isSingle: true };
}

async function nobody(
  name: string,
  { context, server }: { readonly context: Context; readonly server: Server },
) {
  const { client, namespace } = server;
  const { signal } = context;
  const [services, revisions] = await Promise.all([
    client.list(SERVICE, { namespace, signal }),
    client.list(REVISION, { namespace, signal }),
  ]);
  const names = [...services.items, ...revisions.items].map(({ metadata }) => metadata.name);
  const what = `There is no service, revision or Pod "${name}" in the namespace "${namespace}"`;
  return failure(
    `${what}${didYouMean(name, names)}`,
    `What there is: ${context.command("services")}`,
  );
}
