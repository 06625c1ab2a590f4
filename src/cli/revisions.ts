import { writeAge } from "../api/duration.ts";
import { ANNOTATION, LABEL } from "../api/labels.ts";
import { pathOf } from "../api/meta.ts";
import { REVISION, type Revision } from "../api/revision.ts";
import { SERVICE, type Service } from "../api/service.ts";
import { columns } from "./columns.ts";
import type { Asked, Command, Context, Server } from "./command.ts";
import { mustService } from "./find_service.ts";
import { EVERYWHERE, scopeInWords, scopeOf } from "./scope.ts";
import { byAge, generationOf, percentOf, readinessOf, serviceOf, tagsOf } from "./service_facts.ts";
import { readyWord } from "./services.ts";

export const REVISIONS: Command = {
  name: "revisions",
  group: "Look",
  summary: "List revisions, of one service or of all, the newest first",
  args: [{ form: "[SERVICE]", meaning: "only those of this service" }],
  flags: [
    EVERYWHERE,
    { name: "output", short: "o", value: "FORM", meaning: "wide: also what each was made of" },
  ],
  examples: [
    { line: "revisions shop", meaning: "All revisions of a service." },
    { line: "revisions -o wide", meaning: "With the image, the source and its commit." },
  ],
  run,
};

const HEADINGS = [
  ...["NAME", "SERVICE", "TRAFFIC", "TAGS", "GENERATION", "AGE"],
  ...["CONDITIONS", "READY", "REASON"],
];
const WIDE = ["SOURCE", "ORIGIN", "IMAGE"];

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const { terminal, isJson } = context;
  const [name] = args;
  const isWide = flags.oneOf("output", "wide") === "wide";
  const server = await context.connect();
  const scope = name === undefined ? scopeOf(flags, server.namespace) : server.namespace;
  if (name !== undefined) await mustService(server, name, context);
  const rows = await readRows({ name, scope }, context, server);
  if (isJson) {
    await terminal.printJson(
      rows.map(({ revision, service }) => revisionAsJson(revision, service)),
    );
    return;
  }
  if (rows.length === 0) {
    terminal.say(`There are no revisions ${scopeInWords(scope)}`);
    return;
  }
  const isEverywhere = scope === undefined;
  const headings = [...(isEverywhere ? ["NAMESPACE"] : []), ...HEADINGS, ...(isWide ? WIDE : [])];
  const cells = rows.map((row) => [
    ...(isEverywhere ? [row.revision.metadata.namespace ?? ""] : []),
    ...cellsOf(row, context),
    ...(isWide ? wideCellsOf(row.revision) : []),
  ]);
  await terminal.print(columns(headings, cells).join("\n"));
}

interface Row {
  readonly revision: Revision;
  /** Absent when it belongs to none, or to one that has gone. */
  readonly service: Service | undefined;
}

interface Where {
  readonly name: string | undefined;
  readonly scope: string | undefined;
}

async function readRows(
  { name, scope }: Where,
  { signal }: Context,
  { client }: Server,
): Promise<readonly Row[]> {
  const labelSelector = name === undefined ? undefined : `${LABEL.service}=${name}`;
  const [revisions, services] = await Promise.all([
    client.list(REVISION, { namespace: scope, labelSelector, signal }),
    client.list(SERVICE, { namespace: scope, signal }),
  ]);
  const known = new Map(services.items.map((service) => [pathOf(service.metadata), service]));
  return revisions.items.toSorted(byAge).map((revision) => {
    const owner = { namespace: revision.metadata.namespace, name: serviceOf(revision) ?? "" };
    return { revision, service: known.get(pathOf(owner)) };
  });
}

function cellsOf({ revision, service }: Row, { terminal, clock }: Context): readonly string[] {
  const { metadata, status } = revision;
  const ready = readinessOf(status);
  const percent = service === undefined ? 0 : percentOf(service, metadata.name);
  const tags = service === undefined ? [] : tagsOf(service, metadata.name);
  return [
    metadata.name,
    serviceOf(revision) ?? "",
    percent === 0 ? "" : `${percent}%`,
    tags.map(({ tag }) => tag).join(","),
    String(generationOf(revision)),
    writeAge(clock.now() - Date.parse(metadata.creationTimestamp)),
    conditionsInShort(revision),
    readyWord(ready.status, terminal),
    ready.status === "True" ? "" : ready.reason,
  ];
}

/** "3 OK / 4", of the conditions that count. */
function conditionsInShort({ status }: Revision): string {
  const counted = (status?.conditions ?? []).filter(({ severity = "" }) => severity === "");
  const good = counted.filter((it) => it.status === "True");
  return `${good.length} OK / ${counted.length}`;
}

function wideCellsOf(revision: Revision): readonly string[] {
  const { source, origin, image } = madeOf(revision);
  return [source, origin, image].map((text) => short(text ?? ""));
}

/** A digest or a commit, as long as people need it. */
export function short(text: string): string {
  return text.replace(/[0-9a-f]{40,}/g, (digits) => digits.slice(0, 12));
}

/** What a revision was made of, as people call it, and exactly. */
export function madeOf({ metadata, spec, status }: Revision) {
  const { annotations = {} } = metadata;
  const image = status?.containerStatuses?.[0]?.imageDigest ?? spec.containers?.[0]?.image;
  return {
    source: annotations[ANNOTATION.sourceName] ?? annotations[ANNOTATION.source],
    origin: status?.imageSource?.origin,
    image,
  };
}

/** The stable shape of a revision in `--json`. */
export function revisionAsJson(revision: Revision, service: Service | undefined): object {
  const { metadata, status } = revision;
  const { status: ready, reason, message } = readinessOf(status);
  const { source = null, origin = null, image = null } = madeOf(revision);
  const { name } = metadata;
  return {
    namespace: metadata.namespace,
    name,
    service: serviceOf(revision) ?? null,
    generation: generationOf(revision),
    percent: service === undefined ? 0 : percentOf(service, name),
    tags: service === undefined ? [] : tagsOf(service, name).map(({ tag }) => tag),
    ...{ ready, reason, message, source, origin, image },
    instances: status?.actualReplicas ?? 0,
    createdAt: metadata.creationTimestamp,
  };
}
