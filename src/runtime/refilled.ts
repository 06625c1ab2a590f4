import type { InstanceSpec, Volume } from "./runtime.ts";

/** The same, with these volumes in the place of those of their names. */
export function refilled(spec: InstanceSpec, volumes: readonly Volume[]): InstanceSpec {
  if (spec.volumes === undefined) return spec;
  const filled = new Map(volumes.map((volume) => [volume.name, volume]));
  return { ...spec, volumes: spec.volumes.map((it) => filled.get(it.name) ?? it) };
}

/** The name of a volume with a file in it that is not good any more. */
export function spentVolume({ volumes = [] }: InstanceSpec, nowMs: number): string | undefined {
  const isSpent = ({ files = [] }: Volume) =>
    files.some(({ term }) => term !== undefined && term.endsAtMs <= nowMs);
  return volumes.find(isSpent)?.name;
}
