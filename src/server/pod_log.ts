import { ApiError, notFound } from "../api/error.ts";
import type { ObjectKey } from "../api/meta.ts";
import { POD } from "../api/pod.ts";
import type { Answer, Call } from "../base/http_server.ts";
import type { LogLine, LogOptions } from "../base/line_log.ts";
import type { ApiRoute } from "./api_route.ts";
import type { ServerContext } from "./context.ts";
import { isTrue, wholeNumber } from "./query.ts";

export interface PodLogOptions extends LogOptions {
  /** Of the run before this one. */
  readonly previous?: boolean;
}

/** What the instance or the build behind a Pod wrote. Throws `NotFound`. */
export type PodLogs = (pod: ObjectKey, options: PodLogOptions) => AsyncIterable<LogLine>;

/** `GET …/pods/NAME/log`, as `kubectl logs` asks for it. */
export function podLogRoute(logs: PodLogs, { store, clock }: ServerContext): ApiRoute {
  const path = "/api/v1/namespaces/:namespace/pods/:name/log";
  return { method: "GET", path, handle };

  async function handle({ params, query, signal }: Call): Promise<Answer> {
    const { namespace, name = "" } = params;
    const key = { namespace, name };
    if (store.get(POD, key) === undefined) throw notFound(POD, name);
    const asked = readOptions(query, clock.now());
    const lines = logs(key, { ...asked, signal })[Symbol.asyncIterator]();
    // The first line before the head goes out, so that a refusal can still be one.
    const first = asked.follow ? undefined : await lines.next();
    const withTime = isTrue(query.get("timestamps"));
    return {
      code: 200,
      headers: { "content-type": "text/plain" },
      async write(outlet) {
        for (let next = first ?? (await lines.next()); !next.done; next = await lines.next()) {
          const { at, text } = next.value;
          outlet.send(withTime ? `${at} ${text}\n` : `${text}\n`);
          if (outlet.signal.aborted) break;
        }
        await lines.return?.();
      },
    };
  }
}

function readOptions(query: URLSearchParams, nowMs: number) {
  const tailLines = wholeNumber(query, "tailLines");
  const sinceSeconds = wholeNumber(query, "sinceSeconds");
  const sinceTime = query.get("sinceTime");
  const sinceMs = sinceTime === null ? agoMs(nowMs, sinceSeconds) : Date.parse(sinceTime);
  if (sinceMs !== undefined && Number.isNaN(sinceMs)) {
    throw new ApiError("BadRequest", `sinceTime: "${sinceTime}" is not an RFC 3339 time`);
  }
  return {
    follow: isTrue(query.get("follow")),
    previous: isTrue(query.get("previous")),
    ...(tailLines !== undefined && { tailLines }),
    ...(sinceMs !== undefined && { sinceMs }),
  };
}

function agoMs(nowMs: number, seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : nowMs - seconds * 1000;
}
