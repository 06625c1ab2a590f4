import { writeAge } from "../api/duration.ts";
import { SERVICE, type Service } from "../api/service.ts";
import { columns } from "./columns.ts";
import type { Asked, Command, Context } from "./command.ts";
import { EVERYWHERE, scopeInWords, scopeOf } from "./scope.ts";
import { readinessOf, sharesOf, suffixOf } from "./service_facts.ts";
import type { Terminal } from "./terminal.ts";
import { trafficRows } from "./traffic_facts.ts";

export const SERVICES: Command = {
  name: "services",
  group: "Look",
  summary: "List services, where they are, and who serves them",
  flags: [EVERYWHERE],
  examples: [
    { line: "services", meaning: "All services of the namespace." },
    { line: "services -A --json", meaning: "All services there are, for programs." },
  ],
  run,
};

async function run({ flags }: Asked, context: Context): Promise<undefined> {
  const { terminal, isJson, clock, signal } = context;
  const { client, namespace } = await context.connect();
  const scope = scopeOf(flags, namespace);
  const { items } = await client.list(SERVICE, { namespace: scope, signal });
  if (isJson) {
    await terminal.printJson(items.map(serviceAsJson));
    return;
  }
  if (items.length === 0) {
    terminal.say(`There are no services ${scopeInWords(scope)}`);
    terminal.say(`Deploy one: ${context.command("deploy DIRECTORY")}`);
    return;
  }
  const headings = ["NAME", "URL", "LATEST", "TRAFFIC", "READY", "REASON", "AGE"];
  const isEverywhere = scope === undefined;
  const rows = items.map((service) => [
    ...(isEverywhere ? [service.metadata.namespace ?? ""] : []),
    ...cellsOf(service, { terminal, nowMs: clock.now() }),
  ]);
  const lines = columns(isEverywhere ? ["NAMESPACE", ...headings] : headings, rows);
  await terminal.print(lines.join("\n"));
}

interface Telling {
  readonly terminal: Terminal;
  readonly nowMs: number;
}

function cellsOf(service: Service, { terminal, nowMs }: Telling): readonly string[] {
  const { metadata, status } = service;
  const { name, creationTimestamp } = metadata;
  const ready = readinessOf(status);
  return [
    name,
    status?.url ?? "",
    status?.latestCreatedRevisionName ?? "",
    trafficInShort(service),
    readyWord(ready.status, terminal),
    ready.status === "True" ? "" : ready.reason,
    writeAge(nowMs - Date.parse(creationTimestamp)),
  ];
}

/** "True" in green, "False" in red, where there are colours. */
export function readyWord(status: "True" | "False" | "Unknown", terminal: Terminal): string {
  if (status === "Unknown") return terminal.style("yellow", status);
  return terminal.style(status === "True" ? "green" : "red", status);
}

/** "90% 00001, 10% 00002". */
function trafficInShort(service: Service): string {
  const { name } = service.metadata;
  return sharesOf(service)
    .map(({ revision, percent }) => `${percent}% ${suffixOf(name, revision)}`)
    .join(", ");
}

/** The stable shape of a service in `--json`. */
export function serviceAsJson(service: Service): object {
  const { metadata, status } = service;
  const { status: ready, reason, message } = readinessOf(status);
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    url: status?.url ?? null,
    latestCreated: status?.latestCreatedRevisionName ?? null,
    latestReady: status?.latestReadyRevisionName ?? null,
    traffic: trafficRows(service),
    ...{ ready, reason, message },
    createdAt: metadata.creationTimestamp,
  };
}
