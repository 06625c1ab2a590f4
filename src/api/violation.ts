import { joined } from "../base/schema_reading.ts";
import { ApiError, brief, firstOf } from "./error.ts";
import type { StatusCause } from "./status.ts";

/** One thing wrong with a resource, and what more there is to say of it. */
export interface Violation extends StatusCause {
  readonly details?: string;
}

// The words are those of Knative's own checks, which its users know (spec/elafros §4.4).

export function missing(field: string, message = "missing field(s)"): Violation {
  return { field, message, reason: "FieldValueRequired" };
}

export function disallowed(field: string, details?: string): Violation {
  const violation = { field, message: "must not set the field(s)", reason: "FieldValueForbidden" };
  return { ...violation, ...(details !== undefined && { details }) };
}

export function invalidValue(field: string, value: unknown, details?: string): Violation {
  return wrong(field, `invalid value: ${brief(value)}`, details);
}

export function invalidKey(field: string, key: string, details?: string): Violation {
  return wrong(field, `invalid key name "${brief(key)}"`, details);
}

/** What is wrong in words of its own. */
export function wrong(field: string, message: string, details?: string): Violation {
  const violation = { field, message, reason: "FieldValueInvalid" };
  return { ...violation, ...(details !== undefined && { details }) };
}

/** Of several ways to say it, exactly one is to be taken: what is wrong when another number is. */
export function notExactlyOne(
  path: string,
  { given, ways }: { readonly given: readonly string[]; readonly ways: readonly string[] },
): readonly Violation[] {
  if (given.length === 1) return [];
  const fields = (given.length === 0 ? ways : given).map((way) => at(path, way)).join(", ");
  const got = given.length === 0 ? "neither" : "both";
  return [wrong(fields, `expected exactly one, got ${got}`)];
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Nothing when the value is in the range, or absent. */
export function outside(
  field: string,
  value: number | undefined,
  { from, to }: Range,
): readonly Violation[] {
  if (value === undefined || (value >= from && value <= to)) return [];
  return [wrong(field, `expected ${from} <= ${value} <= ${to}`)];
}

const FIELDS_MAX = 10;

/** Several fields as one: what is wrong is wrong of them together. */
export function together(fields: readonly string[]): string {
  const more = fields.length > FIELDS_MAX ? [`and ${fields.length - FIELDS_MAX} more`] : [];
  return [...fields.slice(0, FIELDS_MAX), ...more].join(", ");
}

/** "spec" and "traffic" are "spec.traffic"; an index is bracketed, and so is what is no name. */
export function at(path: string, ...steps: readonly (string | number)[]): string {
  return steps.reduce<string>((sum, step) => joined(sum, String(step)), path);
}

/**
 * The refusal that users of Knative know: 400, all that is wrong, a line each; what is wrong in
 * the same way in several places is said once.
 */
export function denied(name: string, violations: readonly Violation[]): ApiError {
  return deniedBy("validation.webhook.serving.knative.dev", { name, violations });
}

export interface Denial {
  readonly name: string;
  readonly violations: readonly Violation[];
}

/** The same in the name of another of Knative's webhooks. */
export function deniedBy(webhook: string, { name, violations }: Denial): ApiError {
  const fields = new Map<string, string[]>();
  const { shown, more } = firstOf(violations);
  for (const { field, message, details } of shown) {
    const key = JSON.stringify([message, details]);
    fields.set(key, [...(fields.get(key) ?? []), field]);
  }
  const lines = [...fields].map(([key, places]) => {
    const [message, details]: readonly (string | null)[] = JSON.parse(key);
    const line = `${message}: ${places.join(", ")}`;
    return typeof details === "string" ? `${line}\n${details}` : line;
  });
  const head = `admission webhook "${webhook}" denied the request`;
  const causes = shown.map(({ field, message, reason }) => ({ field, message, reason }));
  const text = `${head}: validation failed: ${[...lines, ...more].join("\n")}`;
  return new ApiError("BadRequest", text, { details: { name: brief(name), causes } });
}
