import { ApiError, invalid } from "./error.ts";
import { type Kind, parse } from "./kind.ts";
import type { Draft, ObjectMeta, Resource } from "./meta.ts";
import { checkMeta } from "./meta_check.ts";

// For tests: the way of a resource in, as the server takes it, without a server.

export interface Admitting<R extends Resource = Resource> {
  /** What it replaces. */
  readonly stored?: R;
  readonly user?: string;
}

export const NOW = "2026-01-01T00:00:00Z";

/** What would be stored of `body`, or an `ApiError`. */
export function admit<R extends Resource>(
  kind: Kind<R>,
  body: unknown,
  { stored, user = "alice" }: Admitting<R> = {},
): Draft<R> {
  const { draft, unknown } = parse(kind, body);
  const prepared = kind.prepare?.(draft, { stored, user, now: NOW }) ?? draft;
  const checked = kind.validate?.(prepared, { stored, unknown }) ?? [];
  const violations = [...checkMeta(kind, prepared.metadata), ...checked];
  if (violations.length === 0) return prepared;
  const { name = draft.metadata.generateName ?? "" } = draft.metadata;
  throw kind.refuse?.(name, violations) ?? invalid(kind, name, violations);
}

/** What is stored when `body` is written for the first time. */
export function stored<R extends Resource>(
  kind: Kind<R>,
  body: unknown,
  admitting: Admitting<R> = {},
): R {
  const draft = admit(kind, body, admitting);
  const metadata: ObjectMeta = {
    ...draft.metadata,
    name: draft.metadata.name ?? "",
    uid: "uid-1",
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: NOW,
  };
  return { ...draft, metadata } as unknown as R;
}

/** The refusal of `body`; an error of its own when it is taken. */
export function refusal<R extends Resource>(
  kind: Kind<R>,
  body: unknown,
  admitting: Admitting<R> = {},
): ApiError {
  try {
    admit(kind, body, admitting);
  } catch (thrown) {
    if (thrown instanceof ApiError) return thrown;
    throw thrown;
  }
  throw new Error(`nothing is wrong with ${JSON.stringify(body)}`);
}

const DENIED =
  'admission webhook "validation.webhook.serving.knative.dev" denied the request: ' +
  "validation failed: ";

/** What a refusal in Knative's words says after its head, line by line. */
export function said({ message, status }: ApiError): readonly string[] {
  if (status.code !== 400 || !message.startsWith(DENIED)) throw new Error(`it says ${message}`);
  return message.slice(DENIED.length).split("\n");
}

type Fields = Readonly<Record<string, unknown>>;

/** What a Service is to say besides what it must. */
export interface Parts {
  readonly metadata?: Fields;
  /** Of the template. */
  readonly name?: string;
  readonly labels?: Fields;
  readonly annotations?: Fields;
  /** Of the template. */
  readonly spec?: Fields;
  /** The first one. */
  readonly container?: Fields;
  /** Others. */
  readonly sidecars?: readonly Fields[];
  readonly traffic?: readonly Fields[];
}

/** A Service as its owner may send it. */
export function service(parts: Parts = {}): Fields {
  const { name, labels, annotations, traffic } = parts;
  const metadata = { ...(name && { name }), ...(labels && { labels }) };
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: { name: "hello", namespace: "default", ...parts.metadata },
    spec: {
      template: {
        metadata: { ...metadata, ...(annotations && { annotations }) },
        spec: {
          containers: [
            { image: "example.com/hello:1", ...parts.container },
            ...(parts.sidecars ?? []),
          ],
          ...parts.spec,
        },
      },
      ...(traffic && { traffic }),
    },
  };
}
