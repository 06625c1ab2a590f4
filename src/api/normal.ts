import type { Shape } from "../base/schema.ts";
import { joined, shapeOf } from "../base/schema_reading.ts";
import { brief } from "./error.ts";

/** Properties whose being there says something, though they hold nothing. */
const SAYS_BY_BEING_THERE: ReadonlySet<string> = new Set([
  ...["tcpSocket", "httpGet", "grpc", "exec"],
  ...["emptyDir", "configMap", "secret", "projected"],
  ...["valueFrom", "configMapKeyRef", "secretKeyRef", "configMapRef", "secretRef"],
]);

/** Fields that Kubernetes' clients leave out, or send along, when they are zero. */
const SAYS_NOTHING_AT_ZERO: ReadonlySet<string> = new Set([
  ...["port", "containerPort", "idleTimeoutSeconds"],
  ...["initialDelaySeconds", "timeoutSeconds", "periodSeconds"],
  ...["successThreshold", "failureThreshold"],
]);

/**
 * A spec without what means nothing: absent, "", [] and {}, and zero where it says no more.
 * Clients of Kubernetes send these or leave them out as they please; compared in this form, they
 * ask for the same Revision. What the shape requires stays.
 */
export function normal<T>(value: T, shape: Shape = {}): T {
  return trimmed(value, shape) as T;
}

function trimmed(value: unknown, shape: Shape): unknown {
  if (Array.isArray(value)) return value.map((item) => trimmed(item, shape.items ?? {}));
  // There is a zero below zero, which JSON can say and equality tells apart.
  if (value === 0) return 0;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => {
    return [key, trimmed(inner, shapeOf(shape, key) ?? {})] as const;
  });
  const kept = entries.filter(([key, inner]) => {
    const isRequired = inner === "" && shape.required?.includes(key);
    return isRequired || saysSomething(key, inner);
  });
  return Object.fromEntries(kept);
}

function saysSomething(key: string, value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  if (value === 0) return !SAYS_NOTHING_AT_ZERO.has(key);
  if (typeof value !== "object" || SAYS_BY_BEING_THERE.has(key)) return true;
  return Object.keys(value).length > 0;
}

/** The places where two values differ, such as `containers[0].image: -"a" +"b"`, a line each. */
export function differences(before: unknown, after: unknown, path = ""): readonly string[] {
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => {
      return differences(ownOf(before, key), ownOf(after, key), joined(path, key));
    });
  }
  if (before === after) return [];
  const old = before === undefined ? "" : ` -${brief(quoted(before))}`;
  const now = after === undefined ? "" : ` +${brief(quoted(after))}`;
  return [`${path}:${old}${now}`];
}

function quoted(value: unknown): string {
  return JSON.stringify(value);
}

function ownOf(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
