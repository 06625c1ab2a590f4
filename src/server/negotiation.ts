import { ApiError } from "../api/error.ts";

/** The form in which resources are wanted. */
export type Form = "Object" | "Table" | "PartialObjectMetadata" | "APIGroupDiscoveryList";

/**
 * Picks the first form of an `Accept` header that we have. Throws `NotAcceptable` when there is
 * none, as for protobuf alone.
 */
export function formOf(accept = ""): Form {
  const ranges = accept.split(",").map((range) => range.split(";").map((part) => part.trim()));
  for (const [type = "", ...parameters] of ranges) {
    if (!["", "*/*", "application/*", "application/json"].includes(type.toLowerCase())) continue;
    const named = Object.fromEntries(parameters.map((it) => it.split("=", 2)));
    const form = formNamed(named);
    if (form !== undefined) return form;
  }
  const message = `only application/json is served, and "${accept}" does not take it`;
  throw new ApiError("NotAcceptable", message);
}

function formNamed({ as, g, v }: Readonly<Record<string, string>>): Form | undefined {
  if (as === undefined) return "Object";
  if (as === "APIGroupDiscoveryList")
    return g === "apidiscovery.k8s.io" && v === "v2" ? as : undefined;
  if (g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) return undefined;
  if (as === "Table") return as;
  return as.startsWith("PartialObjectMetadata") ? "PartialObjectMetadata" : undefined;
}
