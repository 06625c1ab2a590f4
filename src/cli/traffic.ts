import { type Asked, type Command, type Context, defined } from "./command.ts";
import { failure, wrongUsage } from "./failure.ts";
import { mustService } from "./find_service.ts";
import { WAITING } from "./flags.ts";
import { readinessOf } from "./service_facts.ts";
import { checkThere, isInTheWay } from "./traffic/gone.ts";
import { moveTraffic } from "./traffic/move_traffic.ts";
import { type Known, type Target, targetNamed } from "./traffic/names.ts";
import { plannedTraffic, readShare, type TrafficChange } from "./traffic/plan.ts";
import { showTraffic } from "./traffic/show.ts";

export const TRAFFIC: Command = {
  name: "traffic",
  group: "Deploy",
  summary: "Show or change who gets which share of the requests",
  text:
    "Shows who gets which share of the requests to a service, or changes it. A revision is named " +
    "by its name, by the end of it (00002, or 2), by a tag, or as @latest, which moves on with " +
    "what is deployed next. What is left of 100 % goes to the one that has most now, and those " +
    "that are not named get no more.",
  args: [
    { form: "SERVICE", meaning: "the service" },
    { form: "[SHARE...]", meaning: "REVISION=PERCENT" },
  ],
  flags: [
    {
      name: "tag",
      value: "REVISION=TAG",
      isMany: true,
      meaning: "give a revision an address of its own",
    },
    { name: "untag", value: "TAG", isMany: true, meaning: "take a tag away" },
    ...WAITING,
  ],
  examples: [
    { line: "traffic shop", meaning: "Who serves now." },
    { line: "traffic shop @latest=10", meaning: "A tenth for the latest; the rest stays." },
    { line: "traffic shop 1=80 2=20 --tag 2=next", meaning: "A split, and an address to look at." },
    { line: "traffic shop @latest=100", meaning: "All for the latest, also for those to come." },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const [name, ...texts] = args;
  const shares = texts.map(readShare);
  const tags = flags.all("tag").map(readTag);
  const untags = flags.all("untag");
  const waitMs = flags.waitMs();
  const server = await context.connect();
  const service = defined(name);
  if (shares.length === 0 && tags.length === 0 && untags.length === 0) {
    await showTraffic(await mustService(server, service, context), context);
    return;
  }
  const plan = (known: Known) => {
    const change: TrafficChange = {
      shares: new Map(
        onlyOnce(shares.map(([word, percent]) => [targetNamed(word, known), percent])),
      ),
      tags: new Map(tags.map(([word, tag]) => [tag, targetNamed(word, known)])),
      untags,
    };
    const all = [...change.shares].filter(([, percent]) => percent > 0);
    checkAlive([...all.map(([target]) => target), ...change.tags.values()], known);
    const planned = plannedTraffic(known.service, change).filter((it) => !isInTheWay(it, known));
    checkThere(planned, known, context);
    return planned;
  };
  const moved = await moveTraffic(context, server, { name: service, plan, waitMs });
  if (!moved.isChanged) context.terminal.say(`${service}: unchanged`);
  await showTraffic(moved.service, context, { isChanged: moved.isChanged });
}

function readTag(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw wrongUsage(`--tag is "${text}": want REVISION=TAG, such as 2=next or @latest=next`);
}

function onlyOnce<Pair extends readonly [Target, number]>(pairs: readonly Pair[]): readonly Pair[] {
  const seen = new Set<Target>();
  for (const [target] of pairs) {
    if (seen.has(target)) throw wrongUsage(`${target} is named twice: name each revision once`);
    seen.add(target);
  }
  return pairs;
}

/** What failed can serve nobody. */
export function checkAlive(targets: readonly Target[], { revisions }: Known): void {
  for (const { metadata, status } of revisions) {
    const { status: ready, reason, message } = readinessOf(status);
    if (ready !== "False" || !targets.includes(metadata.name)) continue;
    throw failure(`Revision "${metadata.name}" cannot serve: ${reason}: ${message}`);
  }
}
