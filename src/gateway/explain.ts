import { PROBLEMS } from "../base/h1/problem.ts";
import type { Backend } from "./backend.ts";
import type { Asked, Course } from "./course.ts";
import { LIMITS } from "./limits.ts";
import { pickBackend, pickEndpoint } from "./pick.ts";
import type { Asking } from "./protocol.ts";
import { queueFull, type Refusal, unknownHost } from "./refusal.ts";
import { hostOf } from "./request.ts";
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
  /** Requests that are open there. */
  readonly open: number;
  /** How many instances there are. */
  readonly of: number;
  /** How many of them do not answer, where there are such. */
  readonly down?: number;
}

/** What one worker knows. */
export interface Told {
  readonly explanation: Explanation;
  /** It shares the revision with others, and one of those counts for all. */
  readonly isElsewhere: boolean;
  /** What it has open at each instance, where each worker counts for itself. */
  readonly open: Readonly<Record<string, number>>;
}

/** What all workers know together; nothing without any. */
export function merged(told: readonly Told[]): Explanation | undefined {
  const { explanation } = told.find(({ isElsewhere }) => !isElsewhere) ?? told[0] ?? {};
  const instance = explanation?.instance;
  if (explanation === undefined || instance === undefined) return explanation;
  const others = told.map(({ open }) => open[instance.name]).filter((it) => it !== undefined);
  if (others.length === 0) return explanation;
  const open = others.reduce((sum, more) => sum + more, 0);
  return { ...explanation, instance: { ...instance, open } };
}

export interface ExplainOptions {
  readonly table: Table;
  readonly isSettled: boolean;
  /** Whether this worker counts what is open at the revision. */
  readonly isHome: (backend: Backend) => boolean;
}

/** Asks the very rules that requests go by; nothing counts, and no turn is taken. */
export async function explain(
  asking: Asking,
  { table, isSettled, isHome }: ExplainOptions,
): Promise<Told> {
  const host = hostOf(asking.host);
  if (host === undefined) return refusedOf(asking.host, PROBLEMS.host);
  const rule = table.rules.get(host);
  if (rule === undefined) return refusedOf(host, unknownHost(host, isSettled));
  const found = table.rules.nameFor(host);
  const head = { host, ...(found && { under: found }), route: rule.route, split: splitOf(rule) };
  const { special } = rule;
  const decided = await new Promise<Course | Refusal>((resolve) => {
    if (special === undefined) resolve(plain(pickBackend({ ...rule })));
    else special.admit(trialOf(asking, host), { go: resolve, refuse: resolve });
  });
  if ("detail" in decided) return saying({ ...head, refusal: toldOf(decided) });
  const { backend } = decided;
  const isEach = backend.limits.concurrency === 0;
  const open = isEach ? backend.endpoints.map((it) => [it.name, it.open] as const) : [];
  const explanation = { ...head, ...toldOfCourse(decided) };
  return { explanation, isElsewhere: !isHome(backend), open: Object.fromEntries(open) };
}

function refusedOf(host: string, refusal: Refusal): Told {
  return saying({ host, refusal: toldOf(refusal) });
}

/** Any worker would say the same. */
function saying(explanation: Explanation): Told {
  return { explanation, isElsewhere: false, open: {} };
}

function trialOf(asking: Asking, host: string): Asked {
  const { method, target, client, isTls } = asking;
  const headers = new Map(Object.entries({ host: asking.host, ...asking.headers }));
  const length = Number(headers.get("content-length") ?? 0);
  return {
    ...{ method, target, host, isTls, peer: client, isTrial: true },
    bodyBytes: Number.isNaN(length) ? undefined : length,
    header: (name) => headers.get(name),
  };
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

function instanceOf(backend: Backend): Partial<Explanation> {
  const { endpoints, frozen, next, why, queue } = backend;
  const endpoint = pickEndpoint(backend);
  backend.next = next;
  const of = endpoints.length;
  const down = endpoints.filter(({ trust }) => trust !== "good").length;
  if (endpoint !== undefined && queue.length === 0) {
    const { name, host, port, open } = endpoint;
    const instance = { name, address: `${host}:${port}`, open, of };
    return { instance: { ...instance, ...(down > 0 && { down }) } };
  }
  if (backend.isGone) return { wait: "the revision was deleted: such requests are refused" };
  if (queue.length >= LIMITS.queueMax) return { refusal: toldOf(queueFull(backend)) };
  const others = queue.length === 0 ? "" : `, behind ${queue.length} others`;
  if (of > 0) return { wait: `${busyOf(of, down)}: the request would wait${others}` };
  if (frozen.length > 0) return { wait: "its instance is frozen: a request thaws it" };
  const reason = why === undefined ? "" : `: ${why}`;
  return { wait: `it has no instance, and the request would wait for one${others}${reason}` };
}

function busyOf(of: number, down: number): string {
  if (down === of) return `none of its ${of} instances answers`;
  const busy = "serve as many requests as they may";
  return down === 0
    ? `its ${of} instances ${busy}`
    : `of its ${of} instances ${down} do not answer, the others ${busy}`;
}
