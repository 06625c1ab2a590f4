import { ApiError, brief } from "../api/error.ts";

/** The form in which resources are wanted. */
export type Form = "Object" | "Table" | "PartialObjectMetadata" | "APIGroupDiscoveryList";

/**
 * Picks the first form of an `Accept` header that we have. Throws `NotAcceptable` when there is
 * none, as for protobuf alone.
 */
export function formOf(accept = ""): Form {
  const picked = pickedOf(accept);
  if (picked !== undefined) return picked.form;
  const served = "application/json and application/yaml are served";
  throw new ApiError("NotAcceptable", `only ${served}, and "${brief(accept)}" takes neither`);
}

/** Whether an `Accept` header would have YAML before JSON. */
export function isYamlWanted(accept = ""): boolean {
  return pickedOf(accept)?.isYaml === true;
}

const JSON_RANGES: ReadonlySet<string> = new Set(["", "*/*", "application/*", "application/json"]);
const YAML_TYPES: ReadonlySet<string> = new Set(["application/yaml", "application/x-yaml"]);

interface Picked {
  readonly form: Form;
  readonly isYaml: boolean;
}

/** What was picked of headers before: a client sends the same with every request. */
const known = new Map<string, Picked | undefined>();
const KNOWN_MAX = 256;
const KNOWN_CHARS_MAX = 512;

function pickedOf(accept: string): Picked | undefined {
  if (known.has(accept)) return known.get(accept);
  const picked = pick(accept);
  if (known.size >= KNOWN_MAX) known.clear();
  if (accept.length <= KNOWN_CHARS_MAX) known.set(accept, picked);
  return picked;
}

function pick(accept: string): Picked | undefined {
  const ranges = accept.split(",").map((range) => range.split(";").map((part) => part.trim()));
  for (const [type = "", ...parameters] of ranges) {
    const isYaml = YAML_TYPES.has(type.toLowerCase());
    if (!isYaml && !JSON_RANGES.has(type.toLowerCase())) continue;
    const form = formNamed(Object.fromEntries(parameters.map((it) => it.split("=", 2))));
    if (form !== undefined) return { form, isYaml };
  }
  return undefined;
}

function formNamed({ as, g, v }: Readonly<Record<string, string>>): Form | undefined {
  if (as === undefined) return "Object";
  if (as === "APIGroupDiscoveryList")
    return g === "apidiscovery.k8s.io" && v === "v2" ? as : undefined;
  if (g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) return undefined;
  if (as === "Table") return as;
  return as.startsWith("PartialObjectMetadata") ? "PartialObjectMetadata" : undefined;
}
