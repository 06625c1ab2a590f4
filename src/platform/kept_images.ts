import { BUILD } from "../api/build.ts";
import { sourcesOf } from "../api/build_spec.ts";
import { CONFIGURATION } from "../api/configuration.ts";
import { ANNOTATION } from "../api/labels.ts";
import { REVISION, type Revision } from "../api/revision.ts";
import type { Cache } from "../client/client.ts";
import type { Digest } from "../oci/oci.ts";

/** The images that Revisions have. */
export function imagesOf(revisions: readonly Revision[]): ReadonlySet<Digest> {
  const names = revisions.flatMap(({ status }) => status?.containerStatuses ?? []);
  return new Set(names.flatMap(({ imageDigest }) => digestIn(imageDigest)));
}

/**
 * What was uploaded and is still a source of something: of a template, for the next Revision of it
 * is built anew; of a Revision, which may be building; and of a Build.
 */
export function uploadsOf(cache: Cache): ReadonlySet<Digest> {
  const templates = cache
    .lister(CONFIGURATION)
    .list()
    .map(({ spec }) => spec.template?.metadata);
  const revisions = cache
    .lister(REVISION)
    .list()
    .map(({ metadata }) => metadata);
  const said = [...templates, ...revisions].map((it) => it?.annotations?.[ANNOTATION.source]);
  const sources = cache
    .lister(BUILD)
    .list()
    .flatMap(({ spec }) => sourcesOf(spec));
  const uploads = sources.map(({ upload }) => upload?.digest);
  return new Set([...said, ...uploads].flatMap(digestIn));
}

function digestIn(text = ""): readonly Digest[] {
  return (text.match(/sha256:[0-9a-f]{64}/g)?.slice(-1) as Digest[] | undefined) ?? [];
}
