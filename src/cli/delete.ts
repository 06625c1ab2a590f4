import { LABEL } from "../api/labels.ts";
import { isGoing } from "../api/meta.ts";
import { REVISION, type Revision } from "../api/revision.ts";
import { SERVICE, type Service } from "../api/service.ts";
import { didYouMean } from "./closest.ts";
import type { Asked, Command, Context, Server } from "./command.ts";
import { getService } from "./deploy/put_service.ts";
import { failure, notSafe, wrongUsage } from "./failure.ts";
import { orNothing } from "./find_service.ts";
import { WAITING } from "./flags.ts";
import { Progress } from "./progress.ts";
import { percentOf, serviceOf, tagsOf } from "./service_facts.ts";
import { View } from "./view.ts";

export const DELETE: Command = {
  name: "delete",
  group: "Deploy",
  summary: "Delete services, or revisions that serve nobody",
  text:
    "Deletes services with all their revisions, or single revisions that get no requests. Asks " +
    "first on a terminal; elsewhere it wants --yes.",
  args: [{ form: "NAME...", meaning: "of services or revisions" }],
  flags: [{ name: "yes", short: "y", meaning: "do not ask" }, ...WAITING],
  examples: [
    { line: "delete shop", meaning: "A service, and all that belongs to it." },
    { line: "delete shop-00001 shop-00002 --yes", meaning: "Old revisions, without a question." },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const { terminal, isJson } = context;
  if (!flags.has("yes") && !terminal.canAsk) {
    throw wrongUsage("Nobody is here to be asked whether to delete it: say so with --yes");
  }
  const waitMs = flags.waitMs();
  const server = await context.connect();
  const found: (Service | Revision)[] = [];
  for (const name of new Set(args)) found.push(await named(name, { context, server }));
  for (const it of found)
    if (it.kind === REVISION.kind) await checkIdle(it as Revision, { context, server });
  if (!flags.has("yes")) await confirm(found, { context, server });
  const propagation = waitMs === undefined ? "Background" : "Foreground";
  for (const it of found) await server.client.delete(it, { propagation, signal: context.signal });
  if (waitMs !== undefined) await untilGone(found, { context, server, waitMs });
  const words = found.map(({ kind, metadata }) => ({ kind, name: metadata.name }));
  if (isJson) await terminal.printJson(words);
  const verb = waitMs === undefined ? "is being deleted" : "deleted";
  if (!isJson) for (const { kind, name } of words) await terminal.print(`${kind} ${name} ${verb}`);
}

interface At {
  readonly context: Context;
  readonly server: Server;
}

async function named(name: string, { context, server }: At): Promise<Service | Revision> {
  const { client, namespace } = server;
  const { signal } = context;
  const service = await getService(server, name, signal);
  if (service !== undefined) return service;
  const revision = await orNothing(client.get(REVISION, { namespace, name }, { signal }));
  if (revision !== undefined) return revision;
  const [services, revisions] = await Promise.all([
    client.list(SERVICE, { namespace, signal }),
    client.list(REVISION, { namespace, signal }),
  ]);
  const names = [...services.items, ...revisions.items].map(({ metadata }) => metadata.name);
  const what = `There is no service or revision "${name}" in the namespace "${namespace}"`;
  throw failure(`${what}${didYouMean(name, names)}`, "Nothing was deleted");
}

/** A revision that serves must not go. */
async function checkIdle(revision: Revision, { context, server }: At): Promise<void> {
  const { name } = revision.metadata;
  const owner = serviceOf(revision);
  const service = owner && (await getService(server, owner, context.signal));
  if (!service || isGoing(service)) return;
  const percent = percentOf(service, name);
  const tags = tagsOf(service, name).map(({ tag }) => tag);
  if (percent === 0 && tags.length === 0) return;
  const why = percent > 0 ? `it serves ${percent} % of the requests` : `it has the tag ${tags[0]}`;
  const [tag] = tags;
  const way = percent > 0 || tag === undefined ? "REVISION=100" : `--untag ${tag}`;
  throw notSafe(
    `Cannot delete revision "${name}" of "${owner}": ${why}`,
    `First: ${context.command(`traffic ${owner} ${way}`)}`,
  );
}

async function confirm(found: readonly (Service | Revision)[], at: At): Promise<void> {
  const { context, server } = at;
  const { terminal, signal } = context;
  for (const it of found) terminal.say(await whatGoes(it, server, signal));
  const answer = await terminal.ask("Delete? [y/N] ", signal);
  if (!/^y(es)?$/i.test(answer.trim())) throw failure("Nothing was deleted");
}

async function whatGoes(
  { kind, metadata, status }: Service | Revision,
  { client, namespace }: Server,
  signal: AbortSignal,
): Promise<string> {
  const { name } = metadata;
  if (kind === REVISION.kind) return `Revision ${name}`;
  const labelSelector = `${LABEL.service}=${name}`;
  const { items } = await client.list(REVISION, { namespace, labelSelector, signal });
  const url = status !== undefined && "url" in status ? `, ${status.url}` : "";
  return `Service ${name} with its ${items.length} revisions${url}`;
}

async function untilGone(
  found: readonly (Service | Revision)[],
  { context, server, waitMs }: At & { readonly waitMs: number },
): Promise<void> {
  const { terminal, clock, signal } = context;
  const { client, namespace } = server;
  using progress = new Progress({ terminal, clock });
  await using view = new View({ client, clock, signal });
  const services = await view.watch(SERVICE, { namespace });
  const revisions = await view.watch(REVISION, { namespace });
  const untilMs = clock.elapsed() + waitMs;
  for (;;) {
    const uids = new Set([...services.list(), ...revisions.list()].map((it) => it.metadata.uid));
    const left = found.filter(({ metadata }) => uids.has(metadata.uid));
    if (left.length === 0) return;
    const names = left.map(({ metadata }) => metadata.name).join(", ");
    const leftMs = untilMs - clock.elapsed();
    if (leftMs <= 0) throw failure(`${names} did not go in time; what it serves ends first`);
    progress.step(`deleting ${names}`);
    await view.changed(leftMs);
  }
}
