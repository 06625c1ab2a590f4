import { t, type Value } from "../base/schema.ts";
import { type Cell, type Column, valueAt } from "./column.ts";
import { EVENT, type Event, reference, series, source } from "./event.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";
import type { View } from "./view.ts";

const text = t.Optional(t.String());
const time = t.Optional(t.String({ format: "date-time" }));

const fields = t.Object({
  regarding: t.Optional(reference),
  related: t.Optional(reference),
  reason: text,
  note: text,
  type: text,
  action: text,
  eventTime: time,
  series: t.Optional(series),
  reportingController: text,
  reportingInstance: text,
  deprecatedSource: t.Optional(source),
  deprecatedFirstTimestamp: time,
  deprecatedLastTimestamp: time,
  deprecatedCount: t.Optional(t.Integer()),
});

/** An Event in the words of `events.k8s.io/v1`. */
export type EventV1 = Resource & Value<typeof fields>;

export const EVENT_V1: Kind<EventV1> = {
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  plural: "events",
  singular: "event",
  shortNames: ["ev"],
  isNamespaced: true,
  nameRule: "subdomain",
  schema: fields,
  hasStatus: false,
  columns: EVENT.columns.map((column) => ({ ...column, value: cellBy(column) })),
  fields: [
    ...["apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"].map(
      (it) => `regarding.${it}`,
    ),
    ...["reason", "reportingController", "type"],
  ],
};

/** The same Events as the core group has. */
export const EVENT_V1_VIEW: View<EventV1, Event> = {
  kind: EVENT_V1,
  of: EVENT,
  show: (event) => {
    const { metadata, involvedObject: regarding, message: note, source: deprecatedSource } = event;
    const { reason, type, action, related, reportingInstance, count = 0 } = event;
    const { firstTimestamp, lastTimestamp, reportingComponent } = event;
    const at = event.eventTime ?? firstTimestamp ?? metadata.creationTimestamp;
    return defined<EventV1>({
      apiVersion: EVENT_V1.apiVersion,
      kind: EVENT_V1.kind,
      metadata,
      ...{ regarding, related, reason, note, type, action, reportingInstance },
      eventTime: withMicros(at),
      series: event.series ?? seriesOf(count, lastTimestamp),
      reportingController: reportingComponent,
      deprecatedSource,
      deprecatedFirstTimestamp: firstTimestamp,
      deprecatedLastTimestamp: lastTimestamp,
      deprecatedCount: event.count,
    });
  },
  store: (shown) => {
    const { metadata, regarding, note, reportingController, deprecatedSource } = shown;
    const { reason, type, action, related, reportingInstance, eventTime, series } = shown;
    const { deprecatedFirstTimestamp: firstTimestamp, deprecatedCount: count } = shown;
    return defined<Event>({
      apiVersion: EVENT.apiVersion,
      kind: EVENT.kind,
      metadata,
      involvedObject: regarding ?? {},
      ...{ related, reason, message: note, type, action, reportingInstance },
      // Of an Event of the old form, these two were told in its other fields.
      eventTime: firstTimestamp === undefined ? eventTime : undefined,
      series: count === undefined ? series : undefined,
      reportingComponent: reportingController,
      source: deprecatedSource,
      firstTimestamp,
      lastTimestamp: shown.deprecatedLastTimestamp,
      count,
    });
  },
};

/** Events of the old form tell a series by a count and a time. */
function seriesOf(count: number, lastTimestamp: string | undefined) {
  if (count < 2 || lastTimestamp === undefined) return undefined;
  return { count, lastObservedTime: withMicros(lastTimestamp) };
}

function withMicros(time: string): string {
  return time.includes(".") ? time : time.replace(/(Z|[+-]\d\d:\d\d)$/, ".000000$1");
}

function cellBy(column: Column<Event>): (shown: EventV1, nowMs: number) => Cell {
  return (shown, nowMs) => {
    const event = EVENT_V1_VIEW.store(shown);
    return column.value?.(event, nowMs) ?? (valueAt(column.jsonPath, event) as Cell) ?? null;
  };
}

function defined<T>(value: { readonly [K in keyof T]: T[K] | undefined }): T {
  const entries = Object.entries(value).filter(([, it]) => it !== undefined);
  return Object.fromEntries(entries) as T;
}
