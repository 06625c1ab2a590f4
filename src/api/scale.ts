import { t, type Value } from "../base/schema.ts";
import { autoscalingValue } from "./autoscaling.ts";
import type { Kind } from "./kind.ts";
import { ANNOTATION } from "./labels.ts";
import type { Draft, Resource } from "./meta.ts";
import { missing, wrong } from "./violation.ts";

const spec = t.Object({ replicas: t.Optional(t.Integer()) });

const status = t.Object({
  replicas: t.Integer(),
  /** Which Pods are meant, as kubectl writes it. */
  selector: t.Optional(t.String()),
});

/** How many instances something has: one form for all that can be scaled. */
export interface Scale extends Resource {
  readonly spec?: Value<typeof spec>;
  readonly status?: Value<typeof status> & Resource["status"];
}

/** The form alone: it is a subresource of others, and never stored. */
export const SCALE: Kind<Scale> = {
  apiVersion: "autoscaling/v1",
  kind: "Scale",
  plural: "scales",
  singular: "scale",
  isNamespaced: true,
  nameRule: "subdomain",
  schema: t.Object({ spec: t.Optional(spec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [],
  validate: ({ spec = {} }) => {
    const { replicas } = spec;
    if (replicas === undefined) return [missing("spec.replicas", "Required value")];
    if (replicas >= 0) return [];
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
    return [wrong("spec.replicas", message)];
  },
};

/**
 * What `kubectl scale` means for a kind. Both ways set the autoscaler's floor, `min-scale`: so many
 * instances there are at least, and load brings more up to `max-scale`.
 */
export interface Scaling<R extends Resource = Resource> {
  /** The floor that is set; 0 when none is. */
  floor(resource: R): number;
  withFloor(draft: Draft<R>, replicas: number): Draft<R>;
  /** Which Pods are its instances. */
  selector(resource: R): string;
}

/** The floor among these annotations. */
export function floorIn(annotations: Readonly<Record<string, string>> = {}): number {
  const said = Number(autoscalingValue(annotations, "min-scale") ?? "0");
  return Number.isSafeInteger(said) ? said : 0;
}

/** The annotations with another floor among them. */
export function withFloorIn(
  annotations: Readonly<Record<string, string>> = {},
  replicas: number,
): Readonly<Record<string, string>> {
  return { ...annotations, [ANNOTATION.minScale]: String(replicas) };
}
