import { ApiError, statusOf } from "../api/error.ts";
import type { Resource } from "../api/meta.ts";
import { textOf } from "../api/text.ts";
import type { Answer, Call, Outlet } from "../base/http_server.ts";
import type { ServerContext } from "./context.ts";
import { type Selection, selectorOf } from "./list_resources.ts";
import { formOf } from "./negotiation.ts";
import { isTrue, wholeNumber } from "./query.ts";
import { includedIn, partialOf, tableOf } from "./table.ts";
import { isFromNow, type WatchedEvent, watchResources } from "./watch_resources.ts";

interface Watching extends ServerContext {
  readonly selection: Selection;
}

/** How often a watcher that asks for it is told how far it has come. */
const BOOKMARK_MS = 60_000;

/** Answers with a line of JSON for each change, until the caller goes or its time is up. */
export function streamWatch(call: Call, watching: Watching): Answer {
  const { selection, store, clock } = watching;
  const { query } = call;
  // What is wrong with the request is said before the stream begins.
  const textFor = writerFor(call, watching);
  const seconds = wholeNumber(query, "timeoutSeconds") ?? 0;
  const wants = wishesOf(query);
  const request = { ...selection, resourceVersion: query.get("resourceVersion") ?? undefined };
  selectorOf(selection);
  return {
    code: 200,
    headers: { "content-type": "application/json" },
    async write(outlet) {
      const tell = ({ type, object }: WatchedEvent<Resource>) =>
        outlet.send(`{"type":"${type}","object":${textFor(object)}}\n`);
      const mark = (annotations?: object) =>
        outlet.send(`${JSON.stringify(bookmark(watching, annotations))}\n`);
      const over = untilGone(outlet);
      try {
        using _watch = watchResources(store, request, tell);
        if (wants.initialEvents) mark({ "k8s.io/initial-events-end": "true" });
        using _end = seconds > 0 ? clock.after(seconds * 1000, over.resolve) : undefined;
        using _marks = wants.bookmarks ? repeat(clock, mark) : undefined;
        await over.promise;
      } catch (thrown) {
        // The stream has begun, so that a refusal is an event in it.
        outlet.send(`${JSON.stringify({ type: "ERROR", object: statusOf(thrown) })}\n`);
      }
    },
  };
}

interface Wishes {
  readonly bookmarks: boolean;
  /** A sign where what is there ends and what changes begins. */
  readonly initialEvents: boolean;
}

function wishesOf(query: URLSearchParams): Wishes {
  const bookmarks = isTrue(query.get("allowWatchBookmarks"));
  const asked = query.get("sendInitialEvents");
  if (asked === null) return { bookmarks, initialEvents: false };
  const version = query.get("resourceVersion") ?? "";
  if (isTrue(asked) && bookmarks && isFromNow(version)) return { bookmarks, initialEvents: true };
  if (!isTrue(asked)) return { bookmarks, initialEvents: false };
  // Clients then list and watch, as they do with servers that are older than this parameter.
  const message =
    "sendInitialEvents: Forbidden: is served with allowWatchBookmarks and without a version";
  throw new ApiError("Invalid", message);
}

/** How an object is written: as it is, or in the form that the caller asked for. */
function writerFor(call: Call, { selection, clock }: Watching): (object: Resource) => string {
  const { query, headers } = call;
  const form = formOf(headers.accept);
  const included = includedIn(query);
  if (form === "PartialObjectMetadata") return (object) => JSON.stringify(partialOf(object));
  if (form !== "Table") return textOf;
  return (object) => {
    const { resourceVersion } = object.metadata;
    const shared = { kind: selection.kind, resourceVersion, included };
    return JSON.stringify(tableOf([object], { ...shared, nowMs: clock.now() }));
  };
}

function bookmark({ selection, store }: Watching, annotations?: object): object {
  const { apiVersion, kind } = selection.kind;
  const resourceVersion = String(store.revision);
  const metadata = { resourceVersion, ...(annotations && { annotations }) };
  return { type: "BOOKMARK", object: { kind, apiVersion, metadata } };
}

function repeat(clock: Watching["clock"], act: () => void): Disposable {
  let timer = clock.after(BOOKMARK_MS, again);
  function again(): void {
    act();
    timer = clock.after(BOOKMARK_MS, again);
  }
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

function untilGone({ signal }: Outlet): PromiseWithResolvers<void> {
  const over = Promise.withResolvers<void>();
  if (signal.aborted) over.resolve();
  signal.addEventListener("abort", () => over.resolve(), { once: true });
  return over;
}
