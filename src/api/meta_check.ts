import { brief } from "./error.ts";
import type { Kind } from "./kind.ts";
import type { DraftMeta } from "./meta.ts";
import { type NameRule, whyBadKey, whyBadLabelValue, whyBadName, whyBadPrefix } from "./name.ts";
import { at, missing, type Violation, wrong } from "./violation.ts";

/** All annotations of one resource together, as in Kubernetes. */
const ANNOTATION_BYTES_MAX = 256 * 1024;

/** What is wrong with the name, the labels and the rest that every resource has. */
export function checkMeta(kind: Kind, metadata: DraftMeta): readonly Violation[] {
  return [
    ...checkName(kind, metadata),
    ...checkLabels(metadata.labels, "metadata.labels"),
    ...checkAnnotations(metadata.annotations, "metadata.annotations"),
    ...(metadata.finalizers ?? []).flatMap((finalizer, index) => {
      const why = whyBadKey(finalizer);
      return why === undefined ? [] : [bad(at("metadata.finalizers", index), finalizer, why)];
    }),
    ...checkOwners(metadata),
  ];
}

function checkName({ nameRule }: Kind, { name = "", generateName = "" }: DraftMeta) {
  if (name === "" && generateName === "") {
    return [missing("metadata.name", "name or generateName is required")];
  }
  const whyPrefix = generateName === "" ? undefined : whyBadPrefix(nameRule, generateName);
  if (whyPrefix !== undefined) {
    const field = "metadata.generateName";
    return [wrong(field, said(nameRule, { name: generateName, why: whyPrefix, isPrefix: true }))];
  }
  const why = name === "" ? undefined : whyBadName(nameRule, name);
  return why === undefined ? [] : [wrong("metadata.name", said(nameRule, { name, why }))];
}

interface BadName {
  readonly name: string;
  readonly why: string;
  readonly isPrefix?: boolean;
}

function said(rule: NameRule, { name, why, isPrefix = false }: BadName): string {
  if (rule !== "dns1035") return `Invalid value: "${brief(name)}": ${why}`;
  return `not a DNS 1035 label${isPrefix ? " prefix" : ""}: [${why}, not "${brief(name)}"]`;
}

type Strings = Readonly<Record<string, string>>;

/** What is wrong with the labels that stand at `field`. */
export function checkLabels(labels: Strings = {}, field: string): readonly Violation[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const badKey = whyBadKey(key);
    if (badKey !== undefined) return [bad(field, key, badKey)];
    const badValue = whyBadLabelValue(value);
    return badValue === undefined ? [] : [bad(at(field, key), value, badValue)];
  });
}

/** What is wrong with the annotations that stand at `field`: their values are free. */
export function checkAnnotations(annotations: Strings = {}, field: string): readonly Violation[] {
  const entries = Object.entries(annotations);
  const wrongKeys = entries.flatMap(([key]) => {
    const why = whyBadKey(key);
    return why === undefined ? [] : [bad(field, key, why)];
  });
  const bytes = entries.flat().reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= ANNOTATION_BYTES_MAX) return wrongKeys;
  const message = `Too long: may not be more than ${ANNOTATION_BYTES_MAX} bytes, has ${bytes}`;
  return [...wrongKeys, wrong(field, message)];
}

function checkOwners({ ownerReferences = [] }: DraftMeta): readonly Violation[] {
  const controllers = ownerReferences.filter(({ controller }) => controller);
  const field = "metadata.ownerReferences";
  const missingParts = ownerReferences.flatMap((owner, index) =>
    (["apiVersion", "kind", "name", "uid"] as const)
      .filter((part) => owner[part] === "")
      .map((part) => missing(at(field, index, part), "Required value")),
  );
  if (controllers.length <= 1) return missingParts;
  const names = controllers.map(({ kind, name }) => `${kind}/${name}`).join(" and ");
  const message = `Only one reference can have Controller set to true, these have: ${brief(names)}`;
  return [...missingParts, wrong(field, message)];
}

function bad(field: string, value: string, why: string): Violation {
  return wrong(field, `Invalid value: "${brief(value)}": ${why}`);
}
