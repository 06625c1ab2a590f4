import { ApiError } from "../api/error.ts";

/** Whether a parameter of a query says yes, as Kubernetes reads it. */
export function isTrue(value: string | null): boolean {
  return value === "true" || value === "1";
}

/** A parameter that is a whole number, or nothing. Throws `BadRequest` for anything else. */
export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new ApiError("BadRequest", `${name}: must be a whole number, is "${text}"`);
}
