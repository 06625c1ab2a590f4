import { ApiError, statusOf } from "../api/error.ts";
import type { Resource } from "../api/meta.ts";
import { textOf } from "../api/text.ts";
import type { Answer, Call } from "../base/call.ts";
import type { Outlet } from "../base/outlet.ts";
import type { ServerContext } from "./context.ts";
import { type Selection, selectorOf } from "./list_resources.ts";
import { formOf } from "./negotiation.ts";
import { isTrue, wholeNumber } from "./query.ts";
import { includedIn, partialOf, tableOf } from "./table.ts";
import { type WatchedEvent, watchResources } from "./watch_resources.ts";

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
  const frameFor = framerFor(call, watching);
  const seconds = wholeNumber(query, "timeoutSeconds") || secondsOf(watching);
  const wants = wishesOf(query);
  const resourceVersion = query.get("resourceVersion") ?? undefined;
  const request = { ...selection, resourceVersion, beginsWithAll: wants.initialEvents };
  selectorOf(selection);
  return {
    code: 200,
    headers: { "content-type": "application/json" },
    async write(outlet) {
      const tell = (event: WatchedEvent<Resource>) => outlet.send(frameFor(event));
      const mark = (annotations?: object) =>
        outlet.send(`${JSON.stringify(bookmark(watching, annotations))}\n`);
      const over = untilGone(outlet);
      try {
        using _watch = watchResources(store, request, tell);
        const isListed = wants.initialEvents === true && wants.bookmarks;
        if (isListed) mark({ "k8s.io/initial-events-end": "true" });
        using _end = clock.after(seconds * 1000, () => {
          // Whoever comes back goes on from here, and need not be told again.
          if (wants.bookmarks) mark();
          over.resolve();
        });
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
  /** Whether what is there comes first; as the version has it when nobody says. */
  readonly initialEvents: boolean | undefined;
}

function wishesOf(query: URLSearchParams): Wishes {
  const bookmarks = isTrue(query.get("allowWatchBookmarks"));
  const asked = query.get("sendInitialEvents");
  const match = query.get("resourceVersionMatch") ?? "";
  const refuse = (why: string) =>
    new ApiError("Invalid", `ListOptions.meta.k8s.io "" is invalid: ${why}`);
  if (asked === null) {
    if (match === "") return { bookmarks, initialEvents: undefined };
    throw refuse("resourceVersionMatch: Forbidden: is for watches with sendInitialEvents alone");
  }
  if (match === "NotOlderThan") return { bookmarks, initialEvents: isTrue(asked) };
  throw refuse("resourceVersionMatch: Forbidden: sendInitialEvents requires it to be NotOlderThan");
}

/** A watch that nobody limits ends all the same, after half an hour or more: not all at once. */
function secondsOf({ chance }: Watching): number {
  return Math.round(1800 * (1 + chance.fraction()));
}

type Framer = (event: WatchedEvent<Resource>) => string | Buffer;

/** How an event is written: as it is, or in the form that the caller asked for. */
function framerFor(call: Call, { selection, clock }: Watching): Framer {
  const { query, headers } = call;
  const form = formOf(headers.accept);
  const included = includedIn(query);
  if (form === "PartialObjectMetadata") {
    return ({ type, object }) => frame(type, JSON.stringify(partialOf(object)));
  }
  if (form !== "Table") return sharedFrame;
  return ({ type, object }) => {
    const { resourceVersion } = object.metadata;
    const options = { kind: selection.kind, included, nowMs: clock.now() };
    return frame(type, JSON.stringify(tableOf({ items: [object], resourceVersion }, options)));
  };
}

function frame(type: WatchedEvent<Resource>["type"], text: string): string {
  return `{"type":"${type}","object":${text}}\n`;
}

let last: { readonly event: WatchedEvent<Resource>; readonly bytes: Buffer } | undefined;

/** HOT: a change is told to all its watchers in a row, and is written for the first of them. */
function sharedFrame(event: WatchedEvent<Resource>): Buffer {
  if (last?.event.object === event.object && last.event.type === event.type) return last.bytes;
  last = { event, bytes: Buffer.from(frame(event.type, textOf(event.object))) };
  return last.bytes;
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
