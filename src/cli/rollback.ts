import { ANNOTATION, LABEL } from "../api/labels.ts";
import type { Revision } from "../api/revision.ts";
import type { TrafficTarget } from "../api/traffic.ts";
import { type Asked, type Command, type Context, defined } from "./command.ts";
import { failure } from "./failure.ts";
import { WAITING } from "./flags.ts";
import { generationOf, inWords, readinessOf, sharesOf } from "./service_facts.ts";
import { isGone } from "./traffic/gone.ts";
import { moveTraffic } from "./traffic/move_traffic.ts";
import { type Known, LATEST, targetNamed } from "./traffic/names.ts";
import { showTraffic } from "./traffic/show.ts";
import { checkAlive } from "./traffic.ts";

export const ROLLBACK: Command = {
  name: "rollback",
  group: "Deploy",
  summary: "Send all requests to an earlier revision",
  text:
    "Sends all requests to the revision that served before the present one, or to the one that " +
    "is named, and keeps them there: what is deployed next gets none by itself.",
  args: [
    { form: "SERVICE", meaning: "the service" },
    { form: "[REVISION]", meaning: "which one (default: the one that served before)" },
  ],
  flags: WAITING,
  examples: [
    { line: "rollback shop", meaning: "Back to what served before." },
    { line: "rollback shop 3", meaning: "Back to the third revision." },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const [first, word] = args;
  const name = defined(first);
  const server = await context.connect();
  const waitMs = flags.waitMs();
  let chosen = "";
  const plan = (known: Known) => {
    chosen = word === undefined ? previousOf(known, context) : named(word, known);
    checkAlive([chosen], known);
    return rolledBack(known, chosen);
  };
  // Requests move at once, whether or not it has an instance: whoever asks waits for one.
  const notes = () => ({ [ANNOTATION.rollbackTo]: chosen });
  const moved = await moveTraffic(context, server, { name, plan, notes, waitMs });
  const { service, isChanged } = moved;
  const { terminal, command, isJson } = context;
  if (!isChanged) terminal.say(`unchanged: ${chosen} has all requests already`);
  await showTraffic(service, context, { isChanged, revision: chosen });
  if (!isJson) terminal.say(`Back to the latest: ${command(`traffic ${name} ${LATEST}=100`)}`);
}

function named(word: string, known: Known): string {
  const target = targetNamed(word, known);
  if (target !== LATEST) return target;
  const latest = known.service.status?.latestReadyRevisionName;
  if (latest !== undefined) return latest;
  throw failure(`Service "${known.service.metadata.name}" has no revision that is ready`);
}

/** All to one, by name; the latest stays within reach, and what is there keeps its tag. */
function rolledBack(known: Known, chosen: string): readonly TrafficTarget[] {
  const said = known.service.spec.traffic ?? [];
  const tagged = said.filter((it) => it.tag !== undefined && !isGone(it, known));
  return [
    { revisionName: chosen, latestRevision: false, percent: 100 },
    { latestRevision: true, percent: 0 },
    ...tagged.map((target) => ({ ...target, percent: 0 })),
  ];
}

/** The one that served before: who was let go last, or else the newest of those before it. */
export function previousOf({ service, revisions }: Known, { command }: Context): string {
  const { name } = service.metadata;
  const shares = sharesOf(service);
  const [present] = shares;
  if (present === undefined) throw failure(`Service "${name}" serves nothing yet`);
  const now = revisions.find(({ metadata }) => metadata.name === present.revision);
  const generation = now === undefined ? Infinity : generationOf(now);
  const candidates = revisions
    .filter((it) => readinessOf(it.status).status === "True" && generationOf(it) < generation)
    .sort((one, other) => compare(servedAt(other), servedAt(one)) || byGeneration(one, other));
  const [best] = candidates;
  if (best !== undefined) return best.metadata.name;
  throw failure(
    `Nothing that is ready served "${name}" before ${inWords(shares)}`,
    `What there is: ${command(`revisions ${name}`)}`,
    `Name one: ${command(`rollback ${name} REVISION`)}`,
  );
}

/** When it was let go; "" when it serves still, or never did. */
function servedAt({ metadata }: Revision): string {
  if (metadata.labels?.[LABEL.routingState] !== "reserve") return "";
  return metadata.annotations?.[ANNOTATION.routingStateModified] ?? "";
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function byGeneration(one: Revision, other: Revision): number {
  return generationOf(other) - generationOf(one);
}
