import { isDeepStrictEqual } from "node:util";
import { LABEL } from "../../api/labels.ts";
import { REVISION } from "../../api/revision.ts";
import { SERVICE, type Service } from "../../api/service.ts";
import { writeSource } from "../../api/source.ts";
import type { Context, Server } from "../command.ts";
import { revisionsOf } from "../find_service.ts";
import type { Progress } from "../progress.ts";
import { generationOf } from "../service_facts.ts";
import { checkThere } from "../traffic/gone.ts";
import { View } from "../view.ts";
import { type TrafficWish, wishedTraffic } from "./deploy_traffic.ts";
import { resolveRevision, withoutLogin } from "./git_remote.ts";
import type { Asked } from "./judge.ts";
import { getService, type Written, writeService } from "./put_service.ts";
import { uploadLocal } from "./upload.ts";
import { type End, waitForDeploy } from "./wait.ts";
import type { What } from "./what.ts";
import { type Wish, wishedDraft, wishedService } from "./wish.ts";

/** All that is wished of one deploy. */
export interface Order {
  readonly what: What;
  readonly name: string;
  /** Besides what is deployed. */
  readonly wish: Wish;
  readonly traffic: TrafficWish;
  /** How long to wait until it serves; not at all when left out. */
  readonly waitMs?: number | undefined;
}

/** What came of it. */
export interface Deployed extends Written {
  readonly isUnchanged: boolean;
  /** Absent when nobody waited. */
  readonly end?: End;
  /** The service as it was in the end. */
  readonly service: Service;
}

interface At {
  readonly server: Server;
  readonly progress: Progress;
}

/** Sees to it that the server has the source, writes the service, and waits until it serves. */
export async function deployService(context: Context, order: Order, at: At): Promise<Deployed> {
  const { name, traffic, waitMs } = order;
  const { server, progress } = at;
  const { clock, signal } = context;
  // What cannot be done is refused before anything is sent.
  const service = await getService(server, name, signal);
  const targets = wishedTraffic(service, traffic) ?? [];
  const there = await revisionsOf(context, server, name);
  if (service !== undefined) checkThere(targets, { service, revisions: there }, context);
  const wish = { ...order.wish, ...(await wishFor(order.what, context, at)) };
  progress.step(`deploying ${name}`);

  const { client, namespace } = server;
  await using view = new View({ client, clock, signal });
  const labelSelector = `${LABEL.service}=${name}`;
  const revisions = await view.watch(REVISION, { namespace, labelSelector });
  let lastGeneration = 0;
  const written = await writeService(context, {
    ...{ name, server },
    write: async (before) => {
      lastGeneration = Math.max(0, ...revisions.list().map(generationOf));
      return await write(before, { order, wish, server, signal });
    },
  });
  const { before, after } = written;
  const isUnchanged = isDeepStrictEqual(before?.spec.template, after.spec.template);
  if (waitMs === undefined) return { ...written, isUnchanged, service: after };

  const fieldSelector = `metadata.name=${name}`;
  const services = await view.watch(SERVICE, { namespace, fieldSelector });
  const { generation } = after.metadata;
  const template = after.spec.template ?? {};
  const asked: Asked = { generation, template, isUnchanged, lastGeneration };
  const waiting = { asked, name, services, revisions, view, server, progress, waitMs };
  const end = await waitForDeploy(context, waiting);
  return { ...written, isUnchanged, end, service: services.get(name) ?? after };
}

interface Writing {
  readonly order: Order;
  readonly wish: Wish;
  readonly server: Server;
  readonly signal: AbortSignal;
}

async function write(before: Service | undefined, writing: Writing): Promise<Service> {
  const { order, wish, server, signal } = writing;
  const { client, namespace } = server;
  const traffic = wishedTraffic(before, order.traffic);
  const routed = traffic === undefined ? {} : { traffic };
  if (before === undefined) {
    const draft = wishedDraft(wish, { namespace, name: order.name });
    return await client.create<Service>(
      { ...draft, spec: { ...draft.spec, ...routed } },
      { signal },
    );
  }
  const { status: _, ...wished } = wishedService(before, wish);
  return await client.put<Service>({ ...wished, spec: { ...wished.spec, ...routed } }, { signal });
}

/** What is deployed, as the template says it. */
async function wishFor(what: What, context: Context, at: At): Promise<Wish> {
  if (what.type === "image") return { image: what.image };
  if (what.type !== "source") {
    const source = await uploadLocal(what, { ...at, signal: context.signal });
    return { source: { text: writeSource(source), name: what.path } };
  }
  const { source } = what;
  const name = withoutLogin(writeSource(source));
  if (source.type !== "git") return { source: { text: writeSource(source), name } };
  return { source: { text: writeSource(await atCommit(source, context, at)), name } };
}

type Git = Extract<What, { type: "source" }>["source"] & { readonly type: "git" };

async function atCommit(source: Git, context: Context, { progress }: At): Promise<Git> {
  const { environment, terminal, signal } = context;
  const shown = withoutLogin(source.url);
  progress.step(`asking ${shown} for ${source.revision ?? "its default branch"}`);
  const { variables } = environment;
  const options = { variables, canAsk: terminal.canAsk, signal };
  const { revision, trouble } = await resolveRevision(source, options);
  if (revision !== undefined) return { ...source, revision };
  const what = source.revision ?? "the default branch";
  progress.say(`Cannot see from here where ${what} stands: ${trouble}`);
  progress.say("The server looks itself; when it moves later, only --force has it built again");
  return source;
}
