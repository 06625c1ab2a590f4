import { ArchiveError } from "../base/archive.ts";
import { packDirectory } from "../base/pack.ts";
import type { Image, ImageConfig, ImageStore, RunConfig } from "../oci/oci.ts";
import { type Addition, configOn, layersOn } from "./base_image.ts";

export interface Assembly {
  /** The directory that becomes `/app`. */
  readonly app: string;
  readonly entrypoint: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** What it was found to be: "node". */
  readonly kind: string;
}

export interface AssembleDeps {
  readonly images: ImageStore;
  /** What this machine is, in Node's words. */
  readonly machine: { readonly platform: string; readonly arch: string };
  readonly bytesMax: number;
  readonly entriesMax: number;
  readonly signal: AbortSignal;
  /** The image that it is laid on; nothing for one of the app alone, run by this machine's Node. */
  readonly base?: Image;
}

const OCI = "application/vnd.oci.image";
const LAYER = `${OCI}.layer.v1.tar`;
const APP = "app";
/** Whenever it is built: an image is known by what is in it. */
const CREATED = "1970-01-01T00:00:00Z";

/** Node's names are those of Go, which images use, but for these. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
};

/**
 * Makes the image of an app: one layer, and a configuration that says how it is started. The same
 * app gives the same image, whenever and wherever it was built.
 */
export async function assemble(assembly: Assembly, deps: AssembleDeps): Promise<Image> {
  const { images, bytesMax, entriesMax, signal, base } = deps;
  const content = packDirectory(assembly.app, { under: APP, bytesMax, entriesMax, signal });
  try {
    const layer = { ...(await images.putBlob(content)), mediaType: LAYER };
    const added = { layer, config: runConfigOf(assembly), created: CREATED };
    const whole = base === undefined ? configOf(added, deps) : configOn(base, added);
    const config = await images.putBlob(once(JSON.stringify(whole)));
    signal.throwIfAborted();
    return await images.putImage({
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: { ...config, mediaType: `${OCI}.config.v1+json` },
      layers: base === undefined ? [layer] : layersOn(base, added),
    });
  } catch (thrown) {
    if (!(thrown instanceof ArchiveError)) throw thrown;
    throw new Error(thrown.message.replace(/; leave out .*$/, ""), { cause: thrown });
  }
}

function runConfigOf({ entrypoint, env, kind }: Assembly): RunConfig {
  return {
    Entrypoint: entrypoint,
    ...(env.length > 0 && { Env: env }),
    WorkingDir: `/${APP}`,
    Labels: { "varve.dev/source-kind": kind },
  };
}

/** Of an image that has the app and nothing else: it runs as a process of this machine. */
function configOf(
  { layer, config }: Addition,
  { machine: { platform, arch } }: AssembleDeps,
): ImageConfig {
  const Labels = { "varve.dev/runtime": "process", ...config.Labels };
  return {
    architecture: ARCHITECTURES[arch] ?? arch,
    os: platform === "win32" ? "windows" : platform,
    created: CREATED,
    config: { ...config, Labels },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  };
}

async function* once(text: string) {
  yield Buffer.from(text);
}
