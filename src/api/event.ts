import { t, type Value } from "../base/schema.ts";
import type { Column } from "./column.ts";
import { CORE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";

/** What an Event is about. */
export const reference = t.Object({
  apiVersion: t.Optional(t.String()),
  kind: t.Optional(t.String()),
  namespace: t.Optional(t.String()),
  name: t.Optional(t.String()),
  uid: t.Optional(t.String()),
  resourceVersion: t.Optional(t.String()),
  fieldPath: t.Optional(t.String()),
});

const time = t.Optional(t.String({ format: "date-time" }));

export const series = t.Object({ count: t.Optional(t.Integer()), lastObservedTime: time });
export const source = t.Object({
  component: t.Optional(t.String()),
  host: t.Optional(t.String()),
});

const fields = t.Object({
  involvedObject: reference,
  reason: t.Optional(t.String()),
  message: t.Optional(t.String()),
  type: t.Optional(t.String()),
  source: t.Optional(source),
  firstTimestamp: time,
  lastTimestamp: time,
  /** How often it happened. */
  count: t.Optional(t.Integer()),
  eventTime: time,
  series: t.Optional(series),
  action: t.Optional(t.String()),
  related: t.Optional(reference),
  reportingComponent: t.Optional(t.String()),
  reportingInstance: t.Optional(t.String()),
});

/** Something that happened to a resource, for people to read. Kept for an hour. */
export type Event = Resource & Value<typeof fields>;

const lastSeen: Column<Event> = {
  name: "Last Seen",
  type: "date",
  description: "When it happened last",
  jsonPath: ".lastTimestamp",
  // Newer clients of Kubernetes tell it in other places.
  value: ({ lastTimestamp, series, eventTime, metadata }: Event) =>
    lastTimestamp ?? series?.lastObservedTime ?? eventTime ?? metadata.creationTimestamp,
};

export const EVENT: Kind<Event> = {
  apiVersion: CORE,
  kind: "Event",
  plural: "events",
  singular: "event",
  shortNames: ["ev"],
  isNamespaced: true,
  nameRule: "subdomain",
  schema: fields,
  hasStatus: false,
  columns: [
    lastSeen,
    { name: "Type", type: "string", description: "Normal or Warning", jsonPath: ".type" },
    { name: "Reason", type: "string", description: "Why, in one word", jsonPath: ".reason" },
    {
      name: "Object",
      type: "string",
      description: "What it happened to",
      jsonPath: ".involvedObject.name",
      value: ({ involvedObject }: Event) =>
        `${(involvedObject.kind ?? "").toLowerCase()}/${involvedObject.name ?? ""}`,
    },
    { name: "Message", type: "string", description: "What happened", jsonPath: ".message" },
    {
      name: "Count",
      type: "integer",
      priority: 1,
      description: "How often it happened",
      jsonPath: ".count",
    },
    {
      name: "Name",
      type: "string",
      priority: 1,
      description: "The name of the event",
      jsonPath: ".metadata.name",
    },
  ],
  fields: [
    "involvedObject.apiVersion",
    "involvedObject.fieldPath",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.resourceVersion",
    "involvedObject.uid",
    "reason",
    "reportingComponent",
    "type",
  ],
};
