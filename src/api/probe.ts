import { t, type Value } from "../base/schema.ts";

const text = t.Optional(t.String());
const seconds = t.Optional(t.Integer());

const httpGet = t.Object({
  host: text,
  path: text,
  port: t.Optional(t.IntOrString()),
  scheme: t.Optional(t.OneOf("HTTP", "HTTPS")),
  httpHeaders: t.Optional(t.Array(t.Object({ name: t.String(), value: t.String() }))),
});

/** How to find out whether an instance is well. Exactly one of the four ways is given. */
export const probe = t.Object({
  httpGet: t.Optional(httpGet),
  tcpSocket: t.Optional(t.Object({ host: text, port: t.Optional(t.IntOrString()) })),
  exec: t.Optional(t.Object({ command: t.Optional(t.Array(t.String())) })),
  grpc: t.Optional(t.Object({ port: t.Optional(t.Integer()), service: text })),
  /** Before the first try. */
  initialDelaySeconds: seconds,
  /** How long one try may take. */
  timeoutSeconds: seconds,
  /** Between tries; 0 is many times a second until the first success, as Knative has it. */
  periodSeconds: seconds,
  /** How many successes in a row make it well. */
  successThreshold: seconds,
  /** How many failures in a row make it unwell. */
  failureThreshold: seconds,
  terminationGracePeriodSeconds: seconds,
});

export type Probe = Value<typeof probe>;
