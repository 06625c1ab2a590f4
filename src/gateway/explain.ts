import type { Backend } from "./backend.ts";
import type { Course } from "./course.ts";
import { pickBackend, pickEndpoint } from "./pick.ts";
import type { Asking } from "./protocol.ts";
import { type Refusal, unknownHost } from "./refusal.ts";
import type { Rule, Table } from "./table.ts";

/** Where a request would go now, and why: what `varve explain` tells. */
export interface Explanation {
  readonly host: string;
  /** The host of the table that it falls under: itself, or a wildcard. */
  readonly under?: string;
  /** The Route that has the host. */
  readonly route?: string;
  /** The shares of the Route, in percent. */
  readonly split?: readonly { readonly revision: string; readonly percent: number }[];
  /** What decided: a name, a tag, a rule, a key, or the split. */
  readonly why?: string;
  readonly revision?: string;
  /** What the instance would be asked for, when that is something else. */
  readonly target?: string;
  /** Who would get a copy. */
  readonly mirror?: string;
  readonly instance?: ExplainedInstance;
  /** Why no instance would take it at once. */
  readonly wait?: string;
  /** The answer of the gateway's own, where the request would not get to a revision. */
  readonly refusal?: { readonly code: number; readonly detail: string };
}

export interface ExplainedInstance {
  readonly name: string;
  readonly address: string;
  /** Requests that this worker has open there. */
  readonly open: number;
  /** How many instances there were to choose from. */
  readonly of: number;
}

/** Asks the very rules that requests go by; nothing counts, and no turn is taken. */
export async function explain(
  table: Table,
  asking: Asking,
  isSettled: boolean,
): Promise<Explanation> {
  const { host, headers } = asking;
  const rule = table.rules.get(host);
  if (rule === undefined) return { host, refusal: toldOf(unknownHost(host, isSettled)) };
  const found = table.rules.nameFor(host);
  const head = { host, ...(found && { under: found }), route: rule.route, split: splitOf(rule) };
  const { turn, special } = rule;
  const trial = {
    ...asking,
    peer: asking.client,
    bodyBytes: Number(headers["content-length"] ?? 0),
    isTrial: true,
    header: (name: string) => headers[name] ?? (name === "host" ? host : undefined),
  };
  const decided = await new Promise<Course | Refusal>((resolve) => {
    if (special === undefined) resolve(plain(pickBackend(rule)));
    else special.admit(trial, { go: resolve, refuse: resolve });
  });
  rule.turn = turn < rule.order.length ? turn : 0;
  if ("detail" in decided) return { ...head, refusal: toldOf(decided) };
  return { ...head, ...toldOfCourse(decided) };
}

function plain(backend: Backend): Course {
  const nothing = { target: undefined, onRequest: undefined, onAnswer: undefined };
  return { backend, why: "split", ...nothing, bodyBytesMax: undefined, mirror: undefined };
}

function toldOf({ code, detail }: Refusal) {
  return { code, detail };
}

function splitOf({ backends, order }: Rule) {
  return backends.map(({ revision }, index) => {
    const turns = order.filter((it) => it === index).length;
    return { revision, percent: Math.round((turns / order.length) * 1000) / 10 };
  });
}

function toldOfCourse({ backend, why, target, mirror }: Course) {
  return {
    why,
    revision: backend.id,
    ...(target !== undefined && { target }),
    ...(mirror !== undefined && { mirror: mirror.id }),
    ...instanceOf(backend),
  };
}

function instanceOf(backend: Backend) {
  const { endpoints, frozen, next, why, queue } = backend;
  const endpoint = pickEndpoint(backend);
  backend.next = next;
  if (endpoint !== undefined && queue.length === 0) {
    const { name, host, port, open } = endpoint;
    return { instance: { name, address: `${host}:${port}`, open, of: endpoints.length } };
  }
  if (backend.isGone) return { wait: "the revision was deleted: such requests are refused" };
  if (endpoints.length > 0) {
    const all = `its ${endpoints.length} instances are at their limit, or do not answer`;
    return { wait: `${all}, and ${queue.length} requests are waiting` };
  }
  if (frozen.length > 0) return { wait: "its instance is frozen: a request thaws it" };
  const reason = why === undefined ? "" : `: ${why}`;
  return { wait: `it has no instance, and the request would wait for one${reason}` };
}
