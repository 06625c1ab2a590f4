import { CONFIG_MAP } from "../api/config_map.ts";
import { CONFIGURATION } from "../api/configuration.ts";
import { isReason } from "../api/error.ts";
import { isControlledBy } from "../api/meta.ts";
import { REVISION } from "../api/revision.ts";
import {
  type Fate,
  fatesOf,
  GC_CONFIG,
  type GcSettings,
  readGcSettings,
} from "../api/revision_gc.ts";
import { SettingsError } from "../api/settings.ts";
import { columns } from "./columns.ts";
import type { Asked, Command, Context, Server } from "./command.ts";
import { failure, wrongUsage } from "./failure.ts";
import { EVERYWHERE, scopeInWords, scopeOf } from "./scope.ts";

export const GC: Command = {
  name: "gc",
  group: "Look",
  summary: "Tell which old revisions will be deleted, and why the others are kept",
  text:
    "Tells which revisions are past their time and will be deleted, and why the others are kept. " +
    "The server deletes them by itself, once a minute, as the ConfigMap config-gc in the " +
    "namespace varve-system says; keys and usual values are those of Knative.",
  flags: [
    { name: "dry-run", meaning: "tell it and delete nothing: the one thing it can do" },
    EVERYWHERE,
  ],
  examples: [{ line: "gc --dry-run", meaning: "What would go, and what stays." }],
  run,
};

async function run({ flags }: Asked, context: Context): Promise<undefined> {
  if (!flags.has("dry-run")) {
    throw wrongUsage("The server deletes old revisions by itself; say --dry-run to see which");
  }
  const { terminal, isJson, signal } = context;
  const server = await context.connect();
  const settings = await settingsOn(server, signal);
  const scope = scopeOf(flags, server.namespace);
  const fates = await fatesOn({ ...server, namespace: scope }, settings, context);
  const rows = fates.map(({ revision, isCollected, why }) => {
    const { namespace = "", name } = revision.metadata;
    return { namespace, revision: name, fate: isCollected ? "goes" : "stays", why };
  });
  if (isJson) {
    await terminal.printJson({ settings: plainly(settings), revisions: rows });
    return;
  }
  if (rows.length === 0) {
    terminal.say(`There are no revisions ${scopeInWords(scope)}`);
    return;
  }
  const table = rows.map(({ namespace, ...row }) => {
    return scope === undefined ? [namespace, ...Object.values(row)] : Object.values(row);
  });
  const headings = [...(scope === undefined ? ["NAMESPACE"] : []), "REVISION", "FATE", "WHY"];
  await terminal.print(columns(headings, table).join("\n"));
}

async function settingsOn({ client }: Server, signal: AbortSignal): Promise<GcSettings> {
  try {
    const { data } = await client.get(CONFIG_MAP, GC_CONFIG, { signal });
    return readGcSettings(data);
  } catch (thrown) {
    if (isReason(thrown, "NotFound")) return readGcSettings();
    if (!(thrown instanceof SettingsError)) throw thrown;
    const where = `ConfigMap "${GC_CONFIG.name}" in namespace "${GC_CONFIG.namespace}"`;
    throw failure(`${where}: ${thrown.message}`, "Until it is set right nothing is deleted");
  }
}

async function fatesOn(
  { client, namespace }: Pick<Server, "client"> & { readonly namespace: string | undefined },
  settings: GcSettings,
  { clock, signal }: Context,
): Promise<readonly Fate[]> {
  const which = { namespace, signal };
  const [configurations, revisions] = await Promise.all([
    client.list(CONFIGURATION, which),
    client.list(REVISION, which),
  ]);
  return configurations.items.flatMap((configuration) => {
    const own = revisions.items.filter((it) => isControlledBy(it, configuration));
    return fatesOf(configuration, own, { settings, nowMs: clock.now() });
  });
}

/** JSON has no infinity: what never counts is left out. */
function plainly(settings: GcSettings): Partial<GcSettings> {
  return Object.fromEntries(Object.entries(settings).filter(([, it]) => Number.isFinite(it)));
}
