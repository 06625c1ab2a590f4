import { LABEL } from "../../api/labels.ts";
import { POD, type Pod } from "../../api/pod.ts";
import type { Context, Server } from "../command.ts";
import { withoutPreface } from "../explain.ts";
import type { ExitCode } from "../failure.ts";
import { inWords, percentOf, readinessOf, sharesOf, tagsOf } from "../service_facts.ts";
import { plain } from "../terminal.ts";
import { trafficRows } from "../traffic_facts.ts";
import { buildPodOf } from "./build_log.ts";
import type { Deployed } from "./deploy_service.ts";
import type { End } from "./wait.ts";

/** Tells how a deploy ended: the result on standard output, trouble beside it. */
export async function tellOutcome(
  context: Context,
  deployed: Deployed,
  server: Server,
): Promise<ExitCode> {
  const { terminal, isJson } = context;
  const trouble = await troubleOf(deployed, { context, server });
  if (isJson) await terminal.printJson(resultOf(deployed));
  else if (trouble === undefined) await terminal.print(sentenceOf(deployed, context));
  if (trouble === undefined) {
    for (const line of nextSteps(deployed, context)) terminal.say(line);
    return 0;
  }
  terminal.say(`${terminal.styleSaid("red", "error:")} ${trouble.message}`);
  for (const line of trouble.more) terminal.say(`  ${line}`);
  return 1;
}

/** The stable shape of `deploy --json`. */
export function resultOf({ service, before, isUnchanged, end }: Deployed) {
  const { metadata, status } = service;
  const revision = revisionOf(end);
  const change = before === undefined ? "created" : isUnchanged ? "unchanged" : "changed";
  return {
    namespace: metadata.namespace,
    service: metadata.name,
    change,
    outcome: end?.phase ?? "accepted",
    ...(revision !== undefined && { revision, percent: percentOf(service, revision) }),
    ...(status?.url !== undefined && { url: status.url }),
    traffic: trafficRows(service),
    ...whyOf(end),
  };
}

function whyOf(end: End | undefined): object {
  switch (end?.phase) {
    case "failed":
      return { reason: end.reason, message: withoutPreface(end.message) };
    case "timedOut":
      return { message: end.step };
    case "superseded":
      return { supersededBy: end.by };
    case "ready":
      return end.overtakenBy === undefined ? {} : { supersededBy: end.overtakenBy };
    default:
      return {};
  }
}

function revisionOf(end: End | undefined): string | undefined {
  return end === undefined || end.phase === "gone" ? undefined : end.revision?.metadata.name;
}

/** The one line of a success, with the address. */
function sentenceOf({ service, isUnchanged, end }: Deployed, context: Context): string {
  const { name } = service.metadata;
  const { url = "" } = service.status ?? {};
  const revision = revisionOf(end);
  const unchanged = isUnchanged ? "unchanged: " : "";
  if (revision === undefined) {
    const follow = context.command(`describe ${name}`);
    if (isUnchanged) return `unchanged: ${name} was deployed like this before`;
    return `accepted: ${name}; follow it by: ${follow}`;
  }
  const percent = percentOf(service, revision);
  const tagged = tagsOf(service, revision)[0];
  if (percent === 100) {
    const already = isUnchanged ? " it already" : "";
    return `${unchanged}${revision} serves${already}: ${url}`;
  }
  if (percent > 0) {
    return `${unchanged}${revision} serves ${percent} % of the requests: ${url}`;
  }
  const where = tagged?.url === undefined ? "" : ` at ${tagged.url}`;
  const others = inWords(sharesOf(service));
  return `${unchanged}${revision} is ready${where} and takes no traffic; ${others} serves ${url}`;
}

function nextSteps({ service, end }: Deployed, { command, isJson }: Context): readonly string[] {
  const { name } = service.metadata;
  const revision = revisionOf(end);
  if (revision === undefined || isJson) return [];
  const by = end?.phase === "ready" ? end.overtakenBy : undefined;
  if (by !== undefined) return [`Superseded meanwhile by ${by}`];
  if (percentOf(service, revision) === 0) {
    const isPinned = service.spec.traffic?.every(({ latestRevision, percent = 0 }) => {
      return latestRevision !== true || percent === 0;
    });
    const why = isPinned === true ? `The traffic of ${name} is pinned. ` : "";
    return [`${why}Give it some: ${command(`traffic ${name} ${revision}=100`)}`];
  }
  return [`Next: ${command(`logs ${name} -f`)}`];
}

interface Trouble {
  readonly message: string;
  readonly more: readonly string[];
}

interface Telling {
  readonly context: Context;
  readonly server: Server;
}

/** Why it is no success, what it said last, who serves meanwhile, and what to do. */
async function troubleOf(deployed: Deployed, telling: Telling): Promise<Trouble | undefined> {
  const { end, service, isUnchanged } = deployed;
  const { name } = service.metadata;
  const { command } = telling.context;
  switch (end?.phase) {
    case "failed": {
      const revision = revisionOf(end);
      const same = isUnchanged ? " is this already, and it" : "";
      const message = `${revision ?? name}${same} failed: ${wordsOf(end)}`;
      const isTold = end.isLogTold === true && hasBuildFailed(end);
      const said = isTold ? [] : await lastWords(end, message, telling);
      const again = isUnchanged ? ["Change something, or try the same again with --force"] : [];
      return {
        message,
        more: [...said, meanwhile(deployed), ...again, lookAt(end, deployed, command)],
      };
    }
    case "timedOut": {
      const message = `${revisionOf(end) ?? name} is not ready in time: ${end.step}`;
      const on = `It goes on; follow it by: ${command(`describe ${name}`)}`;
      return { message, more: [meanwhile(deployed), on] };
    }
    case "superseded":
      return { message: `superseded by ${end.by}`, more: [meanwhile(deployed)] };
    case "gone":
      return { message: `Service "${name}" was deleted meanwhile`, more: [] };
    default:
      return undefined;
  }
}

function wordsOf({ reason, message }: { readonly reason: string; readonly message: string }) {
  const said = withoutPreface(message).trim();
  return said.includes(reason) || reason === "" ? said : `${reason}: ${said}`;
}

function meanwhile({ service }: Deployed): string {
  const shares = sharesOf(service);
  if (shares.length === 0) return `Nothing serves ${service.metadata.name} yet`;
  return `Requests go to ${inWords(shares)} as before: ${service.status?.url ?? ""}`;
}

function lookAt(
  end: End & { readonly phase: "failed" },
  { service }: Deployed,
  command: Context["command"],
): string {
  const revision = revisionOf(end);
  if (revision === undefined) return `More: ${command(`describe ${service.metadata.name}`)}`;
  return `More: ${command(`logs ${revision}${hasBuildFailed(end) ? " --build" : ""}`)}`;
}

function hasBuildFailed(end: End & { readonly phase: "failed" }): boolean {
  return readinessOf(end.revision?.status, "BuildSucceeded").status === "False";
}

const LINES = 10;
const WORDS_MS_MAX = 5000;

/** The last lines of what failed, a build or an instance, as far as the message lacks them. */
async function lastWords(
  end: End & { readonly phase: "failed" },
  message: string,
  { server, context }: Telling,
): Promise<readonly string[]> {
  const revision = revisionOf(end);
  if (revision === undefined) return [];
  const { client, namespace } = server;
  const late = new AbortController();
  using _late = context.clock.after(WORDS_MS_MAX, () => late.abort());
  const signal = AbortSignal.any([late.signal, context.signal]);
  try {
    const labelSelector = `${LABEL.revision}=${revision}`;
    const { items } = await client.list(POD, { namespace, labelSelector, signal });
    const isBuild = ({ metadata }: Pod) => metadata.name === buildPodOf(revision);
    const pod = items.find((it) => isBuild(it) === hasBuildFailed(end));
    if (pod === undefined) return [];
    const options = { tailLines: LINES, signal };
    const lines = await Array.fromAsync(client.podLog(pod.metadata, options));
    const news = lines.map(plain).filter((line) => !message.includes(line.trim()));
    return news.map((line) => `│ ${line}`);
  } catch {
    // The failure itself has been told; this would only have been more of it.
    return [];
  }
}
