import type { Descriptor, Image, ImageConfig, RunConfig } from "../oci/oci.ts";

/** What a build adds to a base image, or to nothing. */
export interface Addition {
  readonly layer: Descriptor;
  readonly config: RunConfig;
  readonly created: string;
}

const PORT = "8080";

/** The layers of an image with one more on top. Docker's words for them become OCI's. */
export function layersOn(base: Image, { layer }: Addition): readonly Descriptor[] {
  return [...base.manifest.layers.map(inOciWords), layer];
}

/**
 * The configuration of an image that is started as we say, and is otherwise as its base says: its
 * user, and its environment where ours says nothing. Elsewhere nobody gives it a port.
 */
export function configOn({ config: base }: Image, addition: Addition): ImageConfig {
  const { layer, config, created } = addition;
  const { Cmd: _, ...kept } = base.config ?? {};
  const history = base.history && [...base.history, { created, created_by: "varve build" }];
  const env = mergedEnv([`PORT=${PORT}`], kept.Env ?? [], config.Env ?? []);
  return {
    ...base,
    created,
    config: {
      ...kept,
      ...config,
      Env: env,
      ExposedPorts: { [`${PORT}/tcp`]: {}, ...kept.ExposedPorts },
      Labels: { ...kept.Labels, ...config.Labels },
    },
    rootfs: { type: "layers", diff_ids: [...base.rootfs.diff_ids, layer.digest] },
    ...(history !== undefined && { history }),
  };
}

/** `NAME=value`, the later over the earlier. */
function mergedEnv(...lists: readonly (readonly string[])[]): readonly string[] {
  const byName = new Map(lists.flat().map((line) => [line.replace(/=.*$/s, ""), line]));
  return [...byName.values()];
}

const DOCKER_LAYER = /^application\/vnd\.docker\.image\.rootfs\.diff\.tar(?:\.(\w+))?$/;

function inOciWords(layer: Descriptor): Descriptor {
  const found = DOCKER_LAYER.exec(layer.mediaType);
  if (found === null) return layer;
  const end = found[1] === undefined ? "" : `+${found[1]}`;
  return { ...layer, mediaType: `application/vnd.oci.image.layer.v1.tar${end}` };
}
