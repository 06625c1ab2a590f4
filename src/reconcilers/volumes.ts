import { readQuantity } from "../api/quantity.ts";
import type { Volume as VolumeSpec } from "../api/volume.ts";
import type { Volume, VolumeFile } from "../runtime/runtime.ts";
import type { EnvironmentListers } from "./environment.ts";

export interface Volumes {
  readonly volumes: readonly Volume[];
  /** What is referred to and is not there, a sentence each. */
  readonly missing: readonly string[];
}

/** Of a file of which nothing else is said. */
export const FILE_MODE = 0o644;

/** Who mounts volumes: they are filled from its namespace. */
export interface Mounting {
  readonly metadata: { readonly namespace?: string };
  readonly spec: { readonly volumes?: readonly VolumeSpec[] };
}

/** The volumes of a Revision or a Build, with what ConfigMaps and Secrets hold as they are now. */
export function volumesFor({ metadata, spec }: Mounting, listers: EnvironmentListers): Volumes {
  const missing: string[] = [];
  const look = new Look(metadata.namespace, { listers, missing });
  const volumes = (spec.volumes ?? []).map((volume) => volumeOf(volume, look));
  return { volumes, missing };
}

/** Whether one of these volumes is filled from that ConfigMap or Secret. */
export function fillsVolume({ spec }: Mounting, kind: Kind, name: string): boolean {
  return (spec.volumes ?? []).some(({ configMap, secret, projected }) => {
    const parts = [{ configMap, secret: secret && { name: secret.secretName } }];
    const all = [...parts, ...(projected?.sources ?? [])];
    return all.some((it) => (kind === "Secret" ? it.secret : it.configMap)?.name === name);
  });
}

type Kind = "ConfigMap" | "Secret";

function volumeOf(volume: VolumeSpec, look: Look): Volume {
  const { name, configMap, secret, projected, emptyDir } = volume;
  if (emptyDir !== undefined) {
    const bytesMax = emptyDir.sizeLimit === undefined ? 0 : (readQuantity(emptyDir.sizeLimit) ?? 0);
    const isInMemory = emptyDir.medium === "Memory";
    return { name, ...(isInMemory && { isInMemory }), ...(bytesMax > 0 && { bytesMax }) };
  }
  const mode = (configMap ?? secret ?? projected)?.defaultMode ?? FILE_MODE;
  const files = [
    ...(configMap === undefined ? [] : look.files("ConfigMap", { ...configMap, mode, volume })),
    ...(secret === undefined
      ? []
      : look.files("Secret", { ...secret, name: secret.secretName, mode, volume })),
    ...(projected?.sources ?? []).flatMap((source) => {
      if (source.configMap !== undefined)
        return look.files("ConfigMap", { ...source.configMap, mode, volume });
      if (source.secret !== undefined)
        return look.files("Secret", { ...source.secret, mode, volume });
      // A token is an instance's own: see revision/tokens.ts. Builds have none.
      return [];
    }),
  ];
  return { name, files };
}

interface Asked {
  readonly volume: VolumeSpec;
  readonly name?: string | undefined;
  readonly items?: readonly {
    readonly key: string;
    readonly path: string;
    readonly mode?: number;
  }[];
  readonly optional?: boolean;
  readonly mode: number;
}

type Contents = Readonly<Record<string, string>>;

class Look {
  readonly #namespace: string | undefined;
  readonly #listers: EnvironmentListers;
  readonly #missing: string[];

  constructor(
    namespace: string | undefined,
    { listers, missing }: { readonly listers: EnvironmentListers; readonly missing: string[] },
  ) {
    this.#namespace = namespace;
    this.#listers = listers;
    this.#missing = missing;
  }

  /** The files that are asked for: those of the items, or all. */
  files(kind: Kind, asked: Asked): readonly VolumeFile[] {
    const { name = "", items, optional = false, mode, volume } = asked;
    const contents = kind === "Secret" ? this.#secret(name) : this.#configMap(name);
    const lacks = (what: string) => {
      if (!optional) this.#missing.push(`${what}, and the volume "${volume.name}" mounts it`);
      return [];
    };
    if (contents === undefined) return lacks(`${kind} "${name}" not found`);
    const wanted = items ?? Object.keys(contents).map((key) => ({ key, path: key, mode }));
    return wanted.flatMap(({ key, path, mode: own = mode }) => {
      const content = contents[key];
      if (content === undefined) return lacks(`${kind} "${name}" has no key "${key}"`);
      return [{ path, mode: own, content }];
    });
  }

  /** In base64, by key. */
  #configMap(name: string): Contents | undefined {
    const found = this.#listers.configMaps.get({ namespace: this.#namespace, name });
    if (found === undefined) return undefined;
    const texts = Object.entries(found.data ?? {});
    const encoded = texts.map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
    return { ...found.binaryData, ...Object.fromEntries(encoded) };
  }

  #secret(name: string): Contents | undefined {
    const found = this.#listers.secrets.get({ namespace: this.#namespace, name });
    return found === undefined ? undefined : (found.data ?? {});
  }
}
