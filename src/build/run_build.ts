import type { ArchiveDeps } from "./archive_source.ts";
import { type AssembleDeps, assemble } from "./assemble.ts";
import type { BuildRequest } from "./build.ts";
import { detect } from "./detect.ts";
import { fetchSource } from "./fetch_source.ts";
import { listApp } from "./listing.ts";
import { describe, prepare } from "./prepare.ts";
import type { Work } from "./work.ts";

export interface BuildDeps extends ArchiveDeps, Omit<AssembleDeps, "signal"> {
  /** Learns what exactly is built, as soon as that is known. */
  readonly onOrigin: (origin: string) => void;
}

/** Builds one source: fetch, detect, prepare, assemble. Throws what a step throws. */
export async function runBuild({ source }: BuildRequest, work: Work, deps: BuildDeps) {
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
  const image = await assemble(assembly, { ...deps, signal: work.signal });
  work.say(`made ${image.digest}, which starts with ${JSON.stringify(assembly.entrypoint)}`);
  return image;
}
