import type { ImageConfig } from "../../oci/oci.ts";

/** On images that were made to run as a plain process, among the files of the machine. */
const RUNTIME_LABEL = "varve.dev/runtime";

const OUTSIDE = "As a plain process it would see the files of this machine instead of its own";

export interface Machine {
  readonly platform: string;
  readonly arch: string;
}

/** Why an image cannot run as a plain process of this machine, or nothing. */
export function whyUnfit(image: ImageConfig, machine: Machine): string | undefined {
  const label = image.config?.Labels?.[RUNTIME_LABEL];
  if (label !== "process") {
    const found = label === undefined ? "it has none" : `its own says "${label}"`;
    return (
      "it was not made for the process runtime, whose images have the label " +
      `${RUNTIME_LABEL}=process (${found}). ${OUTSIDE}`
    );
  }
  const here = `${osOf(machine.platform)}/${archOf(machine.arch)}`;
  const there = `${image.os}/${image.architecture}`;
  if (here === there) return undefined;
  return `it was made for ${there}, and this machine is ${here}: build it for ${here}`;
}

/** Node's names are those of Go, which images use, but for these. */
function osOf(platform: string): string {
  return platform === "win32" ? "windows" : platform;
}

function archOf(arch: string): string {
  const names: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };
  return names[arch] ?? arch;
}
