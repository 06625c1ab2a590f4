import { ApiError, invalid, isReason } from "../api/error.ts";
import type { ObjectKey } from "../api/meta.ts";
import type { StatusCause } from "../api/status.ts";
import type { Answer, Call } from "../base/call.ts";
import type { LogOptions } from "../base/line_log.ts";
import type { LogLine } from "../base/log_line.ts";
import type { Outlet } from "../base/outlet.ts";
import type { ApiRoute } from "./api_route.ts";
import type { ServerContext } from "./context.ts";
import { type Aimed, aimOf, whyWaiting } from "./pod_container.ts";
import { isTrue } from "./query.ts";

export interface PodLogOptions extends LogOptions {
  /** Of the run before this one. */
  readonly previous?: boolean;
}

/** What the instance or the build behind a Pod wrote. Throws `NotFound`. */
export type PodLogs = (
  pod: ObjectKey,
  options: PodLogOptions & {
    /** Of a Pod with several. */
    readonly container: string;
  },
) => AsyncIterable<LogLine>;

const OPTIONS = { apiVersion: "v1", kind: "PodLogOptions", plural: "podlogoptions" } as const;

/** `GET …/pods/NAME/log`, as `kubectl logs` asks for it. */
export function podLogRoute(logs: PodLogs, { store, clock }: ServerContext): ApiRoute {
  const path = "/api/v1/namespaces/:namespace/pods/:name/log";
  return { method: "GET", path, handle };

  async function handle(call: Call): Promise<Answer> {
    const aimed = aimOf(call, store);
    const asked = readOptions(call, clock.now());
    if (asked.previous) checkHasPrevious(aimed);
    const { limitBytes, withTime, ...options } = asked;
    const lines = open(logs, aimed, { ...options, signal: call.signal });
    // The first line before the head goes out, so that a refusal can still be one.
    const first = asked.follow ? undefined : await lines.next();
    return {
      code: 200,
      headers: { "content-type": "text/plain" },
      async write(outlet) {
        let left = limitBytes;
        for (let next = first ?? (await lines.next()); !next.done; next = await lines.next()) {
          const { at, text } = next.value;
          left = send(outlet, withTime ? `${at} ${text}\n` : `${text}\n`, left);
          if (outlet.signal.aborted || left <= 0) break;
        }
        await lines.return?.();
      },
    };
  }
}

function open(logs: PodLogs, { key, pod, container }: Aimed, options: PodLogOptions) {
  try {
    return logs(key, { ...options, container })[Symbol.asyncIterator]();
  } catch (thrown) {
    const why = whyWaiting(pod);
    if (!isReason(thrown, "NotFound") || why === undefined) throw thrown;
    const message = `container "${container}" in pod "${key.name}" is waiting to start: ${why}`;
    throw new ApiError("BadRequest", message, { cause: thrown });
  }
}

function checkHasPrevious({ key, pod, container }: Aimed): void {
  const [status] = pod.status?.containerStatuses ?? [];
  if ((status?.restartCount ?? 0) > 0) return;
  const message = `previous terminated container "${container}" in pod "${key.name}" not found`;
  throw new ApiError("BadRequest", message);
}

/** Sends as much of a line as may still be sent; answers with what may be sent after it. */
function send(outlet: Outlet, line: string, left: number): number {
  const bytes = Buffer.byteLength(line);
  outlet.send(bytes <= left ? line : Buffer.from(line).subarray(0, left).toString());
  return left - bytes;
}

function readOptions({ params, query }: Call, nowMs: number) {
  const causes: StatusCause[] = [];
  const wrong = (field: string, message: string) => {
    const value = query.get(field);
    const said = `Invalid value: ${JSON.stringify(value)}: ${message}`;
    causes.push({ field, message: said, reason: "FieldValueInvalid" });
    return undefined;
  };
  const whole = (field: string, least: 0 | 1) => {
    const text = query.get(field);
    if (text === null) return undefined;
    if (/^\d+$/.test(text) && Number(text) >= least) return Number(text);
    return wrong(field, `must be greater than ${least === 0 ? "or equal to 0" : "0"}`);
  };
  const seconds = whole("sinceSeconds", 1);
  const sinceTime = query.get("sinceTime");
  const timeMs = sinceTime === null ? undefined : Date.parse(sinceTime);
  if (Number.isNaN(timeMs)) wrong("sinceTime", "must be an RFC 3339 time");
  if (sinceTime !== null && seconds !== undefined) {
    wrong("sinceSeconds", "at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  const tailLines = whole("tailLines", 0);
  const limitBytes = whole("limitBytes", 1) ?? Infinity;
  if (causes.length > 0) throw invalid(OPTIONS, params["name"] ?? "", causes);
  const sinceMs = seconds === undefined ? timeMs : nowMs - seconds * 1000;
  return {
    limitBytes,
    withTime: isTrue(query.get("timestamps")),
    follow: isTrue(query.get("follow")),
    previous: isTrue(query.get("previous")),
    ...(tailLines !== undefined && { tailLines }),
    ...(sinceMs !== undefined && { sinceMs }),
  };
}
