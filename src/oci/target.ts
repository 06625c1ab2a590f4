import type { Index, IndexEntry } from "./image_schema.ts";

/** What an image is made for, in the words of images: "linux", "arm64". */
export interface Target {
  readonly os: string;
  readonly architecture: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
};

/** What containers on this machine run: Linux, also where a virtual machine has to provide it. */
export function containerTarget(arch: string = process.arch): Target {
  return { os: "linux", architecture: ARCHITECTURES[arch] ?? arch };
}

/** The newest variant of an architecture that a processor of today runs, the best one first. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ["", "v1"],
  arm: ["v7", "v6", "v5", ""],
  arm64: ["v8", ""],
};

/** The image of an index that is for this target, or nothing. */
export function pickFor(index: Index, { os, architecture }: Target): IndexEntry | undefined {
  const fitting = index.manifests.filter(({ platform }) => {
    return platform?.os === os && platform.architecture === architecture;
  });
  for (const variant of VARIANTS[architecture] ?? [""]) {
    const found = fitting.find(({ platform }) => (platform?.variant ?? "") === variant);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What an index has images for, to be shown: "linux/amd64, linux/arm/v7". */
export function targetsOf({ manifests }: Index): string {
  const names = manifests.flatMap(({ platform }) => {
    // Builders put attestations beside the images, under a platform that nobody has.
    if (platform === undefined || platform.os === "unknown") return [];
    const { os, architecture, variant } = platform;
    return [[os, architecture, ...(variant === undefined ? [] : [variant])].join("/")];
  });
  return names.length === 0 ? "no platform at all" : [...new Set(names)].join(", ");
}
