import { isReady } from "../api/condition.ts";
import { CONFIGURATION } from "../api/configuration.ts";
import type { Kind } from "../api/kind.ts";
import { kindOf } from "../api/kinds.ts";
import { pathOf, type Resource } from "../api/meta.ts";
import { NAMESPACE } from "../api/namespace.ts";
import { ROUTE } from "../api/route.ts";
import { SERVICE } from "../api/service.ts";
import { type Applied, type Applying, applyOne } from "./apply/apply_one.ts";
import { type Manifest, readManifests } from "./apply/manifests.ts";
import { prune } from "./apply/prune.ts";
import type { Asked, Command, Context } from "./command.ts";
import { explain } from "./explain.ts";
import { type ExitCode, failure, wrongUsage } from "./failure.ts";
import { WAITING } from "./flags.ts";
import { fullName } from "./get/kinds.ts";
import { Progress } from "./progress.ts";
import { readinessOf } from "./service_facts.ts";
import { until } from "./until.ts";
import { View } from "./view.ts";

export const APPLY: Command = {
  name: "apply",
  group: "Objects",
  summary: "Make objects as files say, or set them right",
  text:
    "Makes the objects that files describe, in YAML or JSON, or sets right what the files say of " +
    "them; what the files do not say stays. Waits until services are ready.",
  flags: [
    {
      name: "filename",
      short: "f",
      value: "FILE",
      isMany: true,
      meaning: 'a file, a directory, or "-" for standard input',
    },
    { name: "dry-run", meaning: "have the server check it, and change nothing" },
    { name: "prune", meaning: "also delete what -l selects, was applied before, and is gone now" },
    { name: "selector", short: "l", value: "LABELS", meaning: "which objects --prune may delete" },
    ...WAITING,
  ],
  examples: [
    { line: "apply -f service.yaml", meaning: "One file." },
    { line: "apply -f deploy/ --prune -l team=web", meaning: "A directory is all there is." },
    { line: "apply -f - --dry-run < service.yaml", meaning: "Would the server take it?" },
  ],
  run,
};

/** One object, and what came of it. */
interface Outcome {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly change: Applied["change"] | "pruned" | "failed";
  readonly resource?: Resource;
  readonly message?: string;
}

async function run({ args: _, flags }: Asked, context: Context): Promise<ExitCode> {
  const places = flags.all("filename");
  const isDryRun = flags.has("dry-run");
  const labelSelector = flags.text("selector");
  const waitMs = flags.waitMs();
  if (places.length === 0) throw wrongUsage("Say what to apply, by -f FILE");
  if (flags.has("prune") && labelSelector === undefined) {
    throw wrongUsage("--prune deletes: say which objects the files speak for, by -l LABELS");
  }
  const manifests = await readManifests(places, context.environment);
  if (manifests.length === 0) throw failure(`There is no object in ${places.join(", ")}`);
  const applying = { context, server: await context.connect(), isDryRun };
  const outcomes = await applyAll(manifests, applying);
  for (const outcome of outcomes) await tell(outcome, applying);
  const isGood = outcomes.every(({ change }) => change !== "failed");
  const pruned =
    flags.has("prune") && isGood ? await pruneAll(outcomes, labelSelector ?? "", applying) : [];
  for (const outcome of pruned) await tell(outcome, applying);
  const isWaiting = waitMs !== undefined && !isDryRun;
  const unready = isWaiting ? await notReady(outcomes, { ...applying, waitMs }) : [];
  if (context.isJson) await context.terminal.printJson([...outcomes, ...pruned].map(asJson));
  return isGood && unready.length === 0 ? 0 : 1;
}

/** Namespaces come before what shall be in them; all else as it is written. */
async function applyAll(
  manifests: readonly Manifest[],
  applying: Applying,
): Promise<readonly Outcome[]> {
  const isFirst = ({ kind }: Manifest) => Number(kind.kind !== NAMESPACE.kind);
  const outcomes: Outcome[] = [];
  for (const manifest of manifests.toSorted((a, b) => isFirst(a) - isFirst(b))) {
    outcomes.push(await attempt(manifest, applying));
  }
  return outcomes;
}

async function attempt(manifest: Manifest, applying: Applying): Promise<Outcome> {
  const { kind, draft, from } = manifest;
  const { name, namespace } = draft.metadata;
  try {
    const { change, resource } = await applyOne(manifest, applying);
    return { kind, name, namespace: resource.metadata.namespace, change, resource };
  } catch (thrown) {
    const { signal, environment } = applying.context;
    signal.throwIfAborted();
    const { program } = environment;
    const options = { program, serve: `${program} serve`, isInterrupted: false };
    const { message, hints } = explain(thrown, options);
    const whole = [`${from}: ${message}`, ...hints].join("\n  ");
    return { kind, name, namespace, change: "failed", message: whole };
  }
}

async function pruneAll(outcomes: readonly Outcome[], labelSelector: string, applying: Applying) {
  const kept = outcomes.flatMap(({ resource }) => resource ?? []);
  const namespaces = new Set(kept.flatMap(({ metadata }) => metadata.namespace ?? []));
  namespaces.add(applying.server.namespace);
  const gone = await prune({ labelSelector, namespaces, kept }, applying);
  return gone.flatMap((resource): readonly Outcome[] => {
    const kind = kindOf(resource);
    const { name, namespace } = resource.metadata;
    return kind === undefined ? [] : [{ kind, name, namespace, change: "pruned" }];
  });
}

async function tell(
  { kind, name, change, message }: Outcome,
  { context, isDryRun }: Applying,
): Promise<void> {
  const { terminal, isJson } = context;
  const what = fullName(kind, name);
  if (change === "failed") {
    terminal.say(`${terminal.styleSaid("red", "error:")} ${what}: ${message}`);
  } else if (!isJson) await terminal.print(`${what} ${change}${isDryRun ? " (dry run)" : ""}`);
}

function asJson({ kind, name, namespace, change, message, resource }: Outcome): object {
  const { apiVersion, kind: word } = kind;
  return {
    ...{ apiVersion, kind: word, name, change },
    ...(namespace !== undefined && { namespace }),
    ...(message !== undefined && { message }),
    ...(resource !== undefined && { generation: resource.metadata.generation }),
  };
}

const WAITED: readonly Kind[] = [SERVICE, CONFIGURATION, ROUTE] as readonly Kind[];

/** Waits until everything that was changed is ready, and says what will not be. */
async function notReady(
  outcomes: readonly Outcome[],
  waiting: Applying & { readonly waitMs: number },
): Promise<readonly Outcome[]> {
  const { context, server, waitMs } = waiting;
  const { terminal, clock, signal } = context;
  const changed = outcomes.filter(({ kind, change }) => {
    return WAITED.includes(kind) && ["created", "configured"].includes(change);
  });
  if (changed.length === 0) return [];
  using progress = new Progress({ terminal, clock });
  await using view = new View({ client: server.client, clock, signal });
  const unready: Outcome[] = [];
  const untilMs = clock.elapsed() + waitMs;
  for (const outcome of changed) {
    const { kind, name, namespace } = outcome;
    const fieldSelector = `metadata.name=${name}`;
    const found = await view.watch(kind, { namespace, fieldSelector });
    const look = () => standingOf(found.get(name), outcome);
    const step = `waiting for ${fullName(kind, name)}`;
    const leftMs = untilMs - clock.elapsed();
    const options = { clock, progress, waitMs: leftMs, step, look };
    const { status, message } = await until(view, options);
    if (status === "True") continue;
    unready.push(outcome);
    const head = terminal.styleSaid("red", "error:");
    progress.say(`${head} ${pathOf({ namespace, name })} is not ready: ${message}`);
  }
  return unready;
}

function standingOf(now: Resource | undefined, { resource }: Outcome) {
  if (now === undefined) return { status: "False" as const, message: "it was deleted meanwhile" };
  const { status, message, reason } = readinessOf(now.status);
  const isObserved = (now.status?.observedGeneration ?? 0) >= (resource?.metadata.generation ?? 0);
  if (isReady(now)) return { status: "True" as const, message };
  const said = [reason, message].filter((it) => it !== "").join(": ");
  return {
    status: isObserved && status === "False" ? status : ("Unknown" as const),
    message: said,
  };
}
