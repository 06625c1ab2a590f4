import type { Service } from "../../api/service.ts";
import { columns } from "../columns.ts";
import type { Context } from "../command.ts";
import { type TrafficRow, trafficRows } from "../traffic_facts.ts";

/** Prints where requests to a service go. */
export async function showTraffic(service: Service, context: Context, more = {}): Promise<void> {
  const { terminal, isJson } = context;
  const { metadata, status } = service;
  const traffic = trafficRows(service);
  if (isJson) {
    const { namespace, name } = metadata;
    const url = status?.url ?? null;
    await terminal.printJson({ namespace, service: name, ...more, url, traffic });
    return;
  }
  if (traffic.length === 0) terminal.say(`Nothing serves ${metadata.name} yet`);
  else await terminal.print(trafficTable(service).join("\n"));
}

/** A line for each target, under headings. */
export function trafficTable(service: Service): readonly string[] {
  const { url = "" } = service.status ?? {};
  const rows = trafficRows(service).map((row) => [
    nameOf(row),
    `${row.percent}%`,
    row.tag ?? "",
    row.url ?? (row.percent > 0 ? url : ""),
  ]);
  return columns(["REVISION", "TRAFFIC", "TAG", "URL"], rows);
}

function nameOf({ revision, isLatest }: TrafficRow): string {
  return isLatest ? `${revision} (@latest)` : revision;
}
