import { writeAge } from "../api/duration.ts";
import { ANNOTATION, LABEL } from "../api/labels.ts";
import { REVISION, type Revision } from "../api/revision.ts";
import type { Service } from "../api/service.ts";
import { aligned } from "./columns.ts";
import { type Asked, type Command, type Context, defined, type Server } from "./command.ts";
import { getService } from "./deploy/put_service.ts";
import { revisionAdvice, serviceAdvice } from "./describe/advice.ts";
import { type Around, readAround } from "./describe/around.ts";
import {
  conditionLines,
  eventLines,
  instanceLines,
  section,
  trafficBars,
  unenforcedLines,
} from "./describe/sections.ts";
import { mustService, orNothing } from "./find_service.ts";
import { madeOf, revisionAsJson, short } from "./revisions.ts";
import { percentOf, readinessOf, serviceOf, tagsOf } from "./service_facts.ts";
import { readyWord, serviceAsJson } from "./services.ts";

export const DESCRIBE: Command = {
  name: "describe",
  group: "Look",
  summary: "Tell all about a service or a revision, and what to do when something is wrong",
  args: [{ form: "NAME", meaning: "of a service or a revision" }],
  examples: [
    { line: "describe shop", meaning: "Addresses, traffic, revisions, instances, events." },
    { line: "describe shop-00003", meaning: "What a revision is made of, and how it does." },
  ],
  run,
};

async function run({ args }: Asked, context: Context): Promise<undefined> {
  const [first] = args;
  const name = defined(first);
  const server = await context.connect();
  const lines = await aboutNamed(name, { context, server });
  if (lines !== undefined) await context.terminal.print(lines.join("\n"));
}

/** A service comes first, should there be both of one name. */
async function aboutNamed(name: string, telling: Telling) {
  const { context, server } = telling;
  const { client, namespace } = server;
  const { signal } = context;
  const service = await getService(server, name, signal);
  if (service !== undefined) return await aboutService(service, telling);
  const revision = await orNothing(client.get(REVISION, { namespace, name }, { signal }));
  if (revision !== undefined) return await aboutRevision(revision, telling);
  return await aboutService(await mustService(server, name, context), telling);
}

interface Telling {
  readonly context: Context;
  readonly server: Server;
}

async function aboutService(service: Service, telling: Telling) {
  const { context } = telling;
  const { terminal } = context;
  const { metadata, status } = service;
  const around = await readAround(`${LABEL.service}=${metadata.name}`, [metadata.name], telling);
  if (context.isJson) return await printJson(serviceAsJson(service), service, around, context);
  const ready = readinessOf(status);
  const head = [
    ["Service", terminal.style("bold", metadata.name)],
    ["Namespace", metadata.namespace ?? ""],
    ["URL", status?.url ?? "none yet"],
    ["Inside", status?.address?.url ?? "none yet"],
    ["Ready", stateOf(ready, context)],
    ["Age", ageOf(service, context)],
    ["Made by", metadata.annotations?.[ANNOTATION.creator] ?? "unknown"],
  ];
  const own = around.revisions.slice(0, REVISIONS_MAX);
  return [
    ...aligned(head),
    ...section(terminal, "Traffic", trafficBars(service, terminal)),
    ...section(terminal, "Revisions", revisionLines(own, service, context)),
    ...section(terminal, "Conditions", conditionLines(status, context)),
    ...section(terminal, "Not enforced", unenforcedLines(own)),
    ...section(terminal, "Instances", instanceLines(around.instances, context)),
    ...section(terminal, "Events", eventLines(around.events, context)),
    ...section(terminal, "What to do", serviceAdvice(service, around.revisions, context)),
  ];
}

const REVISIONS_MAX = 10;

function revisionLines(
  revisions: readonly Revision[],
  service: Service,
  { terminal, clock }: Context,
): readonly string[] {
  const rows = revisions.map((revision) => {
    const { name, creationTimestamp } = revision.metadata;
    const { source = "", origin = "", image = "" } = madeOf(revision);
    const from = source === "" ? image : `${source}${origin === "" ? "" : ` (${short(origin)})`}`;
    return [
      name,
      `${percentOf(service, name)} %`.padStart(5),
      readyWord(readinessOf(revision.status).status, terminal),
      writeAge(clock.now() - Date.parse(creationTimestamp)),
      short(image.replace(/^.*@/, "")),
      from,
    ];
  });
  return aligned(rows);
}

async function aboutRevision(revision: Revision, telling: Telling) {
  const { context, server } = telling;
  const { terminal } = context;
  const { metadata, status, spec } = revision;
  const owner = serviceOf(revision);
  const service = owner === undefined ? undefined : await getService(server, owner, context.signal);
  const around = await readAround(`${LABEL.revision}=${metadata.name}`, [metadata.name], telling);
  if (context.isJson) {
    return await printJson(revisionAsJson(revision, service), revision, around, context);
  }
  const { source, origin, image } = madeOf(revision);
  const tags = service === undefined ? [] : tagsOf(service, metadata.name);
  const percent = service === undefined ? 0 : percentOf(service, metadata.name);
  const [container] = spec.containers ?? [];
  const env = container?.env ?? [];
  const head = [
    ["Revision", terminal.style("bold", metadata.name)],
    ["Namespace", metadata.namespace ?? ""],
    ["Service", owner ?? "none"],
    ["Traffic", `${percent} %`],
    ...tags.map(({ tag, url }) => ["Tag", `${tag} → ${url}`]),
    ["Ready", stateOf(readinessOf(status), context)],
    ["Age", ageOf(revision, context)],
    ...(source === undefined ? [] : [["Source", source]]),
    ...(origin === undefined ? [] : [["Origin", origin]]),
    ["Image", image ?? "none yet"],
    ["Instances", `${status?.actualReplicas ?? 0} of ${status?.desiredReplicas ?? 0}`],
    ...(env.length === 0 ? [] : [["Variables", env.map((it) => it.name).join(", ")]]),
  ];
  return [
    ...aligned(head),
    ...section(terminal, "Conditions", conditionLines(status, context)),
    ...section(terminal, "Instances", instanceLines(around.instances, context)),
    ...section(terminal, "Events", eventLines(around.events, context)),
    ...section(terminal, "What to do", revisionAdvice(revision, context)),
  ];
}

function stateOf({ status, reason, message }: ReturnType<typeof readinessOf>, context: Context) {
  const word = readyWord(status, context.terminal);
  if (status === "True") return word;
  return [word, [reason, message].filter((it) => it !== "").join(": ")].join("  ");
}

function ageOf({ metadata }: Service | Revision, { clock }: Context): string {
  const { creationTimestamp } = metadata;
  return `${writeAge(clock.now() - Date.parse(creationTimestamp))} (${creationTimestamp})`;
}

async function printJson(
  about: object,
  { status }: Service | Revision,
  around: Around,
  { terminal }: Context,
): Promise<undefined> {
  const { revisions, instances, events } = around;
  await terminal.printJson({
    ...about,
    conditions: status?.conditions ?? [],
    revisions: revisions.map(({ metadata }) => metadata.name),
    instances: instances.map(({ metadata, status }) => ({
      name: metadata.name,
      isReady: status?.containerStatuses?.[0]?.ready ?? false,
      restarts: status?.containerStatuses?.[0]?.restartCount ?? 0,
    })),
    events: events.map(({ type, reason, message, lastTimestamp, involvedObject }) => ({
      ...{ type, reason, message },
      object: involvedObject.name,
      lastSeen: lastTimestamp,
    })),
  });
}
