/** Types of what registries hold: OCI's words, and Docker's for the same things. */
export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** Lists of manifests, one for each platform. */
export const INDEX_TYPES: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

const OCI_LAYER = "oci\\.image\\.layer\\.(nondistributable\\.)?v1\\.tar(\\+gzip|\\+zstd)?";
const DOCKER_LAYER = "docker\\.image\\.rootfs\\.diff\\.tar(\\.gzip|\\.zstd)?";
const LAYER = new RegExp(`^application/vnd\\.(${OCI_LAYER}|${DOCKER_LAYER})$`);

/** Whether a layer is one that we can lay out: a tar archive, perhaps compressed. */
export function isLayerType(mediaType: string): boolean {
  return LAYER.test(mediaType);
}
