import type { Backend } from "./backend.ts";
import type { Limit } from "./deadlines.ts";
import { LIMITS } from "./limits.ts";

/** An answer of the gateway's own, in place of one from an instance. */
export interface Refusal {
  readonly code: number;
  /** For people: what happened to what, and why. */
  readonly detail: string;
  readonly host?: string;
  readonly revision?: string;
  readonly instance?: string;
  /** When it makes sense to come again. */
  readonly retryAfterSeconds?: number;
  /** What more goes into the head of the answer: a name and a value in turn. */
  readonly headers?: readonly string[];
}

/** Until every route is known, a host without one may have one in a moment. */
const SOON_SECONDS = 1;

export function badRequest(detail: string): Refusal {
  return { code: 400, detail };
}

export function unknownHost(host: string, isSettled: boolean): Refusal {
  if (isSettled) return { code: 404, host, detail: `no service has the host "${host}"` };
  const detail = `the gateway has just started, and does not know yet who has the host "${host}"`;
  return { code: 503, host, detail, retryAfterSeconds: SOON_SECONDS };
}

export function queueFull({ revision }: Backend): Refusal {
  // Another worker may have the queue.
  const { queueMax } = LIMITS;
  const detail = `revision "${revision}": pending request queue full: ${queueMax} are waiting`;
  return { code: 503, revision, detail, retryAfterSeconds: SOON_SECONDS };
}

export function gone({ revision }: Backend): Refusal {
  const detail = `revision "${revision}" was deleted, and its share is not given away yet`;
  return { code: 503, revision, detail, retryAfterSeconds: SOON_SECONDS };
}

/** Its time was over before an instance took it. `lastFailure` says what the last one did. */
export function waitedInVain(backend: Backend, lastFailure: string | undefined): Refusal {
  const { revision, endpoints, limits, why } = backend;
  if (endpoints.length === 0) {
    const reason = why === undefined ? "" : `: ${why}`;
    const detail =
      `revision "${revision}": no instance became ready ` +
      `within ${limits.timeoutMs} ms${reason}`;
    return { code: 503, revision, detail, retryAfterSeconds: SOON_SECONDS };
  }
  if (lastFailure !== undefined) {
    const detail =
      `revision "${revision}": none of its ${endpoints.length} instances accepted a connection ` +
      `within ${limits.timeoutMs} ms: ${lastFailure}`;
    return { code: 503, revision, detail, retryAfterSeconds: SOON_SECONDS };
  }
  const detail =
    `request timeout: revision "${revision}": in ${limits.timeoutMs} ms none of its ` +
    `${endpoints.length} instances had room: each serves ${limits.concurrency} at once`;
  return { code: 504, revision, detail, retryAfterSeconds: SOON_SECONDS };
}

/** An instance took it, and broke the connection: it may have acted on it, so it is not retried. */
export function brokenOff(backend: Backend, instance: string, what: string): Refusal {
  const { revision } = backend;
  const detail = `revision "${revision}": instance "${instance}" ${what}`;
  return { code: 502, revision, instance, detail };
}

/** An instance took it, and its time was over before the answer began. */
export function tooSlow(backend: Backend, instance: string, limit: Limit): Refusal {
  const { revision, limits } = backend;
  const { timeoutMs, responseStartTimeoutMs, idleTimeoutMs } = limits;
  const said: Partial<Record<Limit, string>> = {
    start: `did not begin to answer within ${responseStartTimeoutMs} ms`,
    idle: `neither took nor sent a byte for ${idleTimeoutMs} ms`,
  };
  const what = said[limit] ?? `did not answer within ${timeoutMs} ms`;
  const detail = `request timeout: revision "${revision}": instance "${instance}" ${what}`;
  return { code: 504, revision, instance, detail };
}

/** Why a connection has ended. */
export function reasonOf(error: NodeJS.ErrnoException | undefined): string {
  if (error === undefined) return "it was closed";
  return error.code === undefined ? error.message : `${error.message} (${error.code})`;
}
