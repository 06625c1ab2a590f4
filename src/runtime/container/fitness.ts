import type { ImageConfig } from "../../oci/oci.ts";

/** What an engine runs. */
export interface EnginePlatform {
  readonly os: string;
  readonly architecture: string;
}

const RUNTIME_LABEL = "varve.dev/runtime";

/** Why an image cannot run as a container of this engine, or nothing. */
export function whyUnfit(image: ImageConfig, platform: EnginePlatform): string | undefined {
  if (image.config?.Labels?.[RUNTIME_LABEL] === "process") {
    return (
      `it was made to run as a plain process (its label ${RUNTIME_LABEL} says so), and has none ` +
      "of the programs that it needs; for a container, deploy a container image"
    );
  }
  const here = `${platform.os}/${platform.architecture}`;
  const there = `${image.os}/${image.architecture}`;
  if (here === there) return undefined;
  return `it was made for ${there}, and the container engine runs ${here}: build it for ${here}`;
}
