import { assert } from "../base/assert.ts";
import { OciError, type Registry } from "../oci/oci.ts";
import type { ArchiveDeps } from "./archive_source.ts";
import { type AssembleDeps, assemble } from "./assemble.ts";
import { type BuildRequest, type NamedImage, SCRATCH } from "./build.ts";
import { detect } from "./detect.ts";
import { fetchSource } from "./fetch_source.ts";
import { listApp } from "./listing.ts";
import { describe, prepare } from "./prepare.ts";
import type { Work } from "./work.ts";

export interface BuildDeps extends ArchiveDeps, Omit<AssembleDeps, "signal" | "base"> {
  /** For base images, and to send images to. */
  readonly registry: Pick<Registry, "pull" | "push"> | undefined;
  /** The base image where a build asks for none. */
  readonly baseImage: string | undefined;
  /** Learns what exactly is built, as soon as that is known. */
  readonly onOrigin: (origin: string) => void;
}

/** Builds one source: fetch, detect, prepare, assemble. Throws what a step throws. */
export async function runBuild(request: BuildRequest, work: Work, deps: BuildDeps) {
  const { source, pushTo } = request;
  const base = await fetchBase(request, work, deps);
  work.enter("fetch");
  const { directory, origin } = await fetchSource(source, work, deps);
  deps.onOrigin(origin);
  work.say(`fetched ${origin}`);
  work.enter("detect");
  const listing = await listApp(directory);
  const detected = detect(listing, deps.machine);
  work.say(`found ${describe(detected)}`);
  const assembly = await prepare(detected, { app: directory, listing, work });
  work.enter("assemble");
  const on = base === undefined ? {} : { base };
  const image = await assemble(assembly, { ...deps, signal: work.signal, ...on });
  work.say(`made ${image.digest}, which starts with ${JSON.stringify(assembly.entrypoint)}`);
  if (pushTo !== undefined) {
    work.enter("push");
    const { name, credentials } = pushTo;
    assert(deps.registry !== undefined, "A server that takes the wish to push has a registry");
    const login = credentials === undefined ? {} : { credentials };
    await deps.registry.push(image.digest, name, { signal: work.signal, ...login });
    work.say(`pushed ${image.digest} to ${name}`);
  }
  return image;
}

/** The image that the app is laid on, from its registry, or the copy of it that is here. */
async function fetchBase({ base }: BuildRequest, work: Work, deps: BuildDeps) {
  const { name = SCRATCH, credentials } = base ?? baseNamed(deps.baseImage);
  if (name === SCRATCH) return undefined;
  const { images, registry } = deps;
  work.enter("base image");
  const { signal } = work;
  const login = credentials === undefined ? {} : { credentials };
  assert(registry !== undefined, "A server that takes base images has a registry");
  try {
    const image = await images.image(await registry.pull(name, { signal, ...login }));
    work.say(`laying it on ${name}, which is ${image.digest}`);
    return image;
  } catch (thrown) {
    const here = thrown instanceof OciError ? await images.resolve(name) : undefined;
    if (here === undefined) throw thrown;
    work.say(`laying it on the copy of ${name} that is here, which is ${here}`);
    return await images.image(here);
  }
}

function baseNamed(name: string | undefined): Partial<NamedImage> {
  return name === undefined || name === "" ? {} : { name };
}
