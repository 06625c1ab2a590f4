import type { Kind } from "../api/kind.ts";
import type { Resource } from "../api/meta.ts";
import type { Table } from "../client/kubernetes.ts";
import { type Asked, type Command, type Context, defined, type Server } from "./command.ts";
import { wrongUsage } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { fullName, kindNamed, kindsNamed } from "./get/kinds.ts";
import { documentOf, type Form, readable, tableLines, tableOf, written } from "./get/show.ts";
import { EVERYWHERE, scopeInWords, scopeOf } from "./scope.ts";

export const GET: Command = {
  name: "get",
  group: "Objects",
  summary: "Print objects of any kind, as a table, YAML or JSON",
  args: [
    { form: "KIND", meaning: 'a kind ("services", "ksvc", "pods,events", "all"), or KIND/NAME' },
    { form: "[NAME...]", meaning: "only these" },
  ],
  flags: [
    { name: "output", short: "o", value: "FORM", meaning: "wide, name, json or yaml" },
    { name: "selector", short: "l", value: "LABELS", meaning: "only those with these labels" },
    { name: "watch", short: "w", meaning: "go on with what changes" },
    EVERYWHERE,
  ],
  examples: [
    { line: "get pods", meaning: "The instances there are." },
    { line: "get ksvc shop -o yaml", meaning: "A service as it is stored." },
    { line: "get all -l team=web -A", meaning: "By label, in all namespaces." },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const wanted = wantedBy(args);
  const form = formOf(flags);
  const server = await context.connect();
  const getting: Getting = {
    ...{ context, server, form },
    scope: scopeOf(flags, server.namespace),
    labelSelector: flags.text("selector"),
    isMixed: wanted.length > 1,
  };
  if (!flags.has("watch")) return await getAll(wanted, getting);
  const [only, ...others] = wanted;
  if (only === undefined || others.length > 0)
    throw wrongUsage("--watch is for one kind at a time");
  await watch(only, getting);
}

/** A kind, and which of it; all when no name is given. */
interface Wanted {
  readonly kind: Kind;
  readonly names: readonly string[];
}

interface Getting {
  readonly context: Context;
  readonly server: Server;
  readonly form: Form;
  /** One namespace, or all when left out. */
  readonly scope: string | undefined;
  readonly labelSelector: string | undefined;
  readonly isMixed: boolean;
}

function wantedBy([first, ...names]: readonly string[]): readonly Wanted[] {
  const words = [defined(first), ...names];
  if (!words.some((word) => word.includes("/"))) {
    return kindsNamed(defined(first)).map((kind) => ({ kind, names }));
  }
  const pairs = words.map((word) => word.split("/"));
  const wrong = pairs.findIndex(({ length }) => length !== 2);
  if (wrong >= 0) throw wrongUsage(`"${words[wrong]}" is not KIND/NAME, as the others are`);
  return pairs.map(([kind = "", name = ""]) => ({ kind: kindNamed(kind), names: [name] }));
}

function formOf(flags: Flags): Form {
  const form = flags.oneOf("output", "wide", "name", "json", "yaml");
  return form ?? (flags.has("json") ? "json" : "table");
}

async function getAll(wanted: readonly Wanted[], getting: Getting): Promise<undefined> {
  const { context, form, scope } = getting;
  const { terminal } = context;
  const found = await Promise.all(
    wanted.map(async (it) => ({ ...it, table: await tableFrom(it, getting) })),
  );
  if (form === "json" || form === "yaml") {
    const resources = found.flatMap(({ table }) => table.rows.map(({ object }) => object));
    const isOne = found.length === 1 && found[0]?.names.length === 1;
    await terminal.write(written(documentOf(resources, isOne), form));
    return;
  }
  const filled = found.filter(({ table }) => table.rows.length > 0);
  if (filled.length === 0) {
    const kinds = wanted.map(({ kind }) => kind.plural).join(", ");
    const isNamespaced = wanted.some(({ kind }) => kind.isNamespaced);
    terminal.say(`There are no ${kinds}${isNamespaced ? ` ${scopeInWords(scope)}` : ""}`);
    return;
  }
  const blocks = filled.map(({ kind, table }) => linesFor(kind, table, getting).join("\n"));
  await terminal.print(blocks.join(form === "name" ? "\n" : "\n\n"));
}

async function tableFrom({ kind, names }: Wanted, getting: Getting): Promise<Table> {
  const { server, scope, labelSelector, context } = getting;
  const { signal } = context;
  if (names.length === 0) {
    return await server.client.table(kind, { namespace: scope, labelSelector, signal });
  }
  const { namespace } = server;
  const each = await Promise.all(
    names.map((name) => server.client.table(kind, { namespace, name, signal })),
  );
  const [first] = each;
  return {
    columnDefinitions: first?.columnDefinitions ?? [],
    rows: each.flatMap(({ rows }) => rows),
  };
}

function linesFor(kind: Kind, table: Table, { form, scope, isMixed }: Getting): readonly string[] {
  if (form === "name") return table.rows.map(({ object }) => fullName(kind, object.metadata.name));
  const hasNamespace = scope === undefined && kind.isNamespaced;
  return tableLines(kind, table, { isWide: form === "wide", hasNamespace, isMixed });
}

/** What is there, and then each change. */
async function watch({ kind, names }: Wanted, getting: Getting): Promise<undefined> {
  const { server, scope, labelSelector, context } = getting;
  const { terminal, clock, signal } = context;
  const isMeant = ({ metadata }: Resource) => names.length === 0 || names.includes(metadata.name);
  const which = { namespace: kind.isNamespaced ? scope : undefined, labelSelector, signal };
  const { items, resourceVersion } = await server.client.list(kind, which);
  let hasHeading = false;
  const print = async (resources: readonly Resource[]) => {
    const table = tableOf(kind, resources, clock.now());
    if (resources.length > 0)
      await terminal.print(streamed(kind, table, { ...getting, hasHeading }));
    hasHeading ||= resources.length > 0;
  };
  await print(items.filter(isMeant));
  for await (const { object } of server.client.watch(kind, { ...which, resourceVersion })) {
    if (isMeant(object)) await print([object]);
  }
}

interface Streaming extends Getting {
  readonly hasHeading: boolean;
}

/** Rows that come after others have no heading of their own; documents are set apart. */
function streamed(kind: Kind, table: Table, { hasHeading, ...getting }: Streaming): string {
  const { form } = getting;
  const objects = table.rows.map(({ object }) => readable(object));
  if (form === "json") return objects.map((it) => JSON.stringify(it)).join("\n");
  if (form === "yaml") {
    return objects.map((it) => `---\n${written(it, "yaml")}`.trimEnd()).join("\n");
  }
  const lines = linesFor(kind, table, getting);
  return lines.slice(form !== "name" && hasHeading ? 1 : 0).join("\n");
}
