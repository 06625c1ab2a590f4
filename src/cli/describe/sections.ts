import { type Condition, conditionOf, type ResourceStatus } from "../../api/condition.ts";
import { writeAge } from "../../api/duration.ts";
import type { Event } from "../../api/event.ts";
import type { Pod } from "../../api/pod.ts";
import type { Revision } from "../../api/revision.ts";
import type { Service } from "../../api/service.ts";
import { aligned } from "../columns.ts";
import type { Context } from "../command.ts";
import { withoutPreface } from "../explain.ts";
import type { Terminal } from "../terminal.ts";
import { trafficRows } from "../traffic_facts.ts";
import { timeOf } from "./around.ts";

/** A heading and what stands below it; nothing when that is nothing. */
export function section(
  terminal: Terminal,
  heading: string,
  lines: readonly string[],
): readonly string[] {
  if (lines.length === 0) return [];
  return ["", terminal.style("bold", heading), ...lines.map((line) => `  ${line}`)];
}

const BAR_CHARS = 20;

/** A bar for each target of a service's traffic. */
export function trafficBars(service: Service, terminal: Terminal): readonly string[] {
  const rows = trafficRows(service).map(({ revision, percent, isLatest, tag, url = "" }) => {
    const length = Math.round((percent / 100) * BAR_CHARS) || Number(percent > 0);
    const bar = terminal.style("cyan", "█".repeat(length)) + " ".repeat(BAR_CHARS - length);
    const tagged = tag === undefined ? "" : `${tag} → ${url}`;
    return [bar, `${percent} %`.padStart(5), isLatest ? `${revision} (@latest)` : revision, tagged];
  });
  return aligned(rows);
}

/** What is so, and what is not and why. */
export function conditionLines(status: ResourceStatus | undefined, { terminal }: Context) {
  const rows = (status?.conditions ?? []).map((condition) => {
    const { type, reason = "", message = "", status } = condition;
    const why = status === "True" ? "" : withoutPreface(message);
    return [markOf(condition, terminal), type, status === "True" ? "" : reason, firstLine(why)];
  });
  return aligned(rows);
}

/** What revisions ask for, and this machine does not give them. */
export function unenforcedLines(revisions: readonly Revision[]): readonly string[] {
  return revisions.flatMap(({ metadata, status }) => {
    const { status: is, message = "" } = conditionOf(status, "LimitsEnforced") ?? {};
    return is === "False" ? [`${metadata.name}: ${message}`] : [];
  });
}

function markOf({ status, severity = "" }: Condition, terminal: Terminal): string {
  if (status === "True") return terminal.style("green", "ok");
  if (severity !== "") return terminal.style("dim", "--");
  return status === "False" ? terminal.style("red", "!!") : terminal.style("yellow", "..");
}

function firstLine(text: string): string {
  const [first = "", ...more] = text.split("\n");
  return more.length === 0 ? first : `${first} …`;
}

/** What runs. */
export function instanceLines(pods: readonly Pod[], { clock }: Context): readonly string[] {
  const rows = pods.map(({ metadata, status }) => {
    const [first] = status?.containerStatuses ?? [];
    const restarts = first?.restartCount ?? 0;
    const why = first?.state?.waiting?.reason ?? "";
    const phase = metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating";
    const state = first?.ready ? "ready" : why === "" ? `${phase}, not ready` : why;
    const age = writeAge(clock.now() - Date.parse(metadata.creationTimestamp));
    return [metadata.name, state, `${restarts} restarts`, age];
  });
  return aligned(rows);
}

/** What happened. */
export function eventLines(events: readonly Event[], { clock, terminal }: Context) {
  const rows = events.map((event) => {
    const { type = "", reason = "", message = "", involvedObject, count = 1 } = event;
    const age = writeAge(clock.now() - Date.parse(timeOf(event)));
    const times = count > 1 ? ` (${count} times)` : "";
    const word = type === "Warning" ? terminal.style("yellow", reason) : reason;
    const what = `${involvedObject.kind?.toLowerCase()}/${involvedObject.name}`;
    return [`${age} ago`, word, `${what}: ${firstLine(message)}${times}`];
  });
  return aligned(rows);
}
