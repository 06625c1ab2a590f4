import { whyBadEntryKey } from "./entries.ts";
import { whyBadName } from "./name.ts";
import { readQuantity } from "./quantity.ts";
import type { RevisionSpec } from "./revision_spec.ts";
import {
  at,
  invalidValue,
  missing,
  notExactlyOne,
  outside,
  type Violation,
  wrong,
} from "./violation.ts";
import type { Volume, VolumeItem, VolumeSource } from "./volume.ts";

/** What is wrong with the volumes of a Revision (spec/elafros §3.6, §4.4). */
export function checkVolumes(spec: RevisionSpec, path: string): readonly Violation[] {
  const { volumes = [], containers = [] } = spec;
  const mounts = containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
  const mounted = new Set(mounts.map(({ name }) => name));
  const seen = new Set<string>();
  return volumes.flatMap((volume, index) => {
    const { name } = volume;
    const where = at(path, "volumes", index);
    const double = wrong(at(where, "name"), `duplicate volume name "${name}"`);
    const idle = wrong(at(where, "name"), `volume with name "${name}" not mounted`);
    const isFirst = !seen.has(name);
    seen.add(name);
    return [
      ...(isFirst ? [] : [double]),
      ...(mounted.has(name) ? [] : [idle]),
      ...checkVolume(volume, where),
    ];
  });
}

const WAYS = ["secret", "configMap", "projected", "emptyDir"] as const;

/** What is wrong with one volume, whoever mounts it. */
export function checkVolume(volume: Volume, path: string): readonly Violation[] {
  const { name, configMap, secret, projected, emptyDir } = volume;
  if (name === "") return [missing(at(path, "name"))];
  const why = whyBadName("label", name);
  if (why !== undefined) return [invalidValue(at(path, "name"), name, why)];
  const given = WAYS.filter((way) => volume[way] !== undefined);
  return [
    ...notExactlyOne(path, { given, ways: WAYS }),
    ...(configMap === undefined ? [] : checkNamed(configMap, at(path, "configMap"))),
    ...(secret === undefined ? [] : checkNamed(secret, at(path, "secret"), { name: "secretName" })),
    ...(projected === undefined ? [] : checkProjected(projected, at(path, "projected"))),
    ...(emptyDir === undefined ? [] : checkEmptyDir(emptyDir, at(path, "emptyDir"))),
  ];
}

interface Named {
  readonly name?: string;
  readonly secretName?: string;
  readonly items?: readonly VolumeItem[];
  readonly defaultMode?: number;
}

function checkNamed(
  from: Named,
  path: string,
  { name }: { readonly name: "name" | "secretName" } = { name: "name" },
): readonly Violation[] {
  return [
    ...(from[name] === undefined ? [missing(at(path, name))] : []),
    ...checkMode(from.defaultMode, at(path, "defaultMode")),
    ...(from.items ?? []).flatMap((item, index) => checkItem(item, at(path, "items", index))),
  ];
}

function checkItem({ key, path: file, mode }: VolumeItem, path: string): readonly Violation[] {
  const whyKey = key === "" ? undefined : whyBadEntryKey(key);
  return [
    ...(key === "" ? [missing(at(path, "key"))] : []),
    ...(whyKey === undefined ? [] : [invalidValue(at(path, "key"), key, whyKey)]),
    ...(file === "" ? [missing(at(path, "path"))] : checkInside(file, at(path, "path"))),
    ...checkMode(mode, at(path, "mode")),
  ];
}

/** What is wrong with a path that must stay inside of a volume. */
export function checkInside(file: string, path: string): readonly Violation[] {
  const isOutside = file.startsWith("/") || file.split("/").includes("..") || file.includes("\0");
  if (!isOutside) return [];
  return [invalidValue(path, file, 'want a relative path without ".."')];
}

function checkMode(mode: number | undefined, path: string): readonly Violation[] {
  return outside(path, mode, { from: 0, to: 0o777 });
}

/** Of a token: Kubernetes' own bounds. */
const TOKEN_SECONDS = { from: 600, to: 2 ** 32 };

const SOURCES = ["secret", "configMap", "serviceAccountToken"] as const;

function checkProjected(
  { sources = [], defaultMode }: NonNullable<Volume["projected"]>,
  path: string,
): readonly Violation[] {
  return [
    ...(sources.length === 0 ? [missing(at(path, "sources"))] : []),
    ...checkMode(defaultMode, at(path, "defaultMode")),
    ...sources.flatMap((source, index) => checkSource(source, at(path, "sources", index))),
  ];
}

function checkSource(source: VolumeSource, path: string): readonly Violation[] {
  const { configMap, secret, serviceAccountToken: token } = source;
  const given = SOURCES.filter((way) => source[way] !== undefined);
  const file = at(path, "serviceAccountToken", "path");
  const seconds = at(path, "serviceAccountToken", "expirationSeconds");
  return [
    ...notExactlyOne(path, { given, ways: SOURCES }),
    ...(configMap === undefined ? [] : checkNamed(configMap, at(path, "configMap"))),
    ...(secret === undefined ? [] : checkNamed(secret, at(path, "secret"))),
    ...(token === undefined ? [] : token.path === "" ? [missing(file)] : []),
    ...(token === undefined ? [] : checkInside(token.path, file)),
    ...outside(seconds, token?.expirationSeconds, TOKEN_SECONDS),
  ];
}

function checkEmptyDir(
  { medium = "", sizeLimit }: NonNullable<Volume["emptyDir"]>,
  path: string,
): readonly Violation[] {
  const size = sizeLimit === undefined ? 0 : readQuantity(sizeLimit);
  const isSize = size !== undefined && size >= 0;
  const wantSize = 'want a quantity, such as "256Mi"';
  return [
    ...(["", "Memory"].includes(medium)
      ? []
      : [invalidValue(at(path, "medium"), medium, 'want "" or "Memory"')]),
    ...(isSize ? [] : [invalidValue(at(path, "sizeLimit"), sizeLimit, wantSize)]),
  ];
}
