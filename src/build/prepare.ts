import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Assembly } from "./assemble.ts";
import { BuildError } from "./build_error.ts";
import { builtSite, type Detected } from "./detect.ts";
import { keepLinksInside } from "./inner_links.ts";
import { type Listing, listApp } from "./listing.ts";
import { managerEnvironment, type PlannedStep, planNode, TRACES } from "./node_plan.ts";
import { isInRange } from "./node_range.ts";
import type { PackageJson } from "./package_json.ts";
import { entrypointOf, nodeEntrypoint } from "./start_command.ts";
import { makeStaticApp, STATIC_ENTRYPOINT } from "./static_site.ts";
import { StepError } from "./step.ts";
import type { Work } from "./work.ts";

export interface Preparing {
  /** The directory of the source that is the app. */
  readonly app: string;
  readonly listing: Listing;
  readonly work: Work;
}

/** Makes a source ready to run, by what it was found to be, and says how it is started. */
export async function prepare(detected: Detected, preparing: Preparing): Promise<Assembly> {
  const { app, work } = preparing;
  if (detected.kind === "static") return await prepareSite(join(app, detected.directory), work);
  const assembly = await prepareApp(detected, preparing);
  if (assembly.app === app) await keepLinksInside({ app, source: work.at("source") });
  return assembly;
}

/** What a source was found to be, for its log. */
export function describe(detected: Detected): string {
  switch (detected.kind) {
    case "procfile":
      return `a Procfile with "web: ${detected.command}"`;
    case "node":
      return "a Node app (package.json)";
    case "static":
      return `a static site (${join(detected.directory, "index.html")})`;
    case "executable":
      return `an executable file ("${detected.name}")`;
  }
}

async function prepareApp(
  detected: Exclude<Detected, { kind: "static" }>,
  preparing: Preparing,
): Promise<Assembly> {
  const { app } = preparing;
  if (detected.kind === "node") return await prepareNode(detected.packageJson, preparing);
  const { kind } = detected;
  if (kind === "executable") {
    await chmod(join(app, detected.name), 0o755);
    return { app, kind, env: [], entrypoint: [`./${detected.name}`] };
  }
  const { command, packageJson } = detected;
  if (packageJson !== undefined) await install(packageJson, preparing);
  const entrypoint = entrypointOf(command, { isShell: true, bins: await binsOf(app) });
  return { app, kind, entrypoint, env: packageJson === undefined ? [] : nodeEnv(packageJson) };
}

async function prepareNode(packageJson: PackageJson, preparing: Preparing): Promise<Assembly> {
  const { app, work } = preparing;
  await install(packageJson, preparing);
  // The build may have made what is started.
  const listing = await listApp(app);
  const entrypoint = nodeEntrypoint(packageJson, listing.hasFile, await binsOf(app));
  if (entrypoint !== undefined) {
    return { app, kind: "node", entrypoint, env: nodeEnv(packageJson) };
  }
  const site = builtSite(listing);
  if (site !== undefined) return await prepareSite(join(app, site), work);
  const { main } = packageJson;
  const what = main === undefined ? "no main file" : `a main file "${main}", which is not there`;
  throw new BuildError(
    "NothingToRun",
    `There is nothing to run in the source after its build: package.json has no script "start" ` +
      `and ${what}, and there is neither a server.js nor an index.html in dist, build or out. ` +
      'Add a script "start"',
  );
}

async function prepareSite(site: string, work: Work): Promise<Assembly> {
  await keepLinksInside({ app: site, source: work.at("source") });
  const app = work.at("app");
  await makeStaticApp(site, app);
  return { app, kind: "static", entrypoint: STATIC_ENTRYPOINT, env: [] };
}

/** Installs what a Node app needs, and builds it, as its package.json asks for. */
async function install(packageJson: PackageJson, preparing: Preparing): Promise<void> {
  const { app, listing, work } = preparing;
  const { nodeRange } = packageJson;
  if (nodeRange !== undefined && isInRange(process.versions.node, nodeRange) === false) {
    work.say(`warning: package.json wants Node ${nodeRange}, and this is ${process.version}`);
  }
  const { steps, warnings } = planNode(packageJson, listing);
  for (const warning of warnings) work.say(warning);
  for (const step of steps) await runPlanned(step, preparing);
  for (const trace of TRACES) await rm(join(app, trace), { recursive: true, force: true });
}

async function runPlanned(step: PlannedStep, { app, work }: Preparing): Promise<void> {
  const { name, command, env, isOptional = false } = step;
  work.enter(name);
  const settings = managerEnvironment(command[0], (cache) => work.cache(cache));
  try {
    await work.run(command, { cwd: app, env: { ...settings, ...env } });
  } catch (thrown) {
    if (!(thrown instanceof StepError) || !isOptional || thrown.isDiskFull) throw thrown;
    work.say(`warning: ${name} ${thrown.what}; the app is kept as it is`);
  }
}

async function binsOf(app: string): Promise<ReadonlySet<string>> {
  const names = await readdir(join(app, "node_modules", ".bin")).catch(() => []);
  return new Set(names);
}

/** What a Node app may expect in its environment when npm starts it, as far as it never changes. */
function nodeEnv({ name, version }: PackageJson): readonly string[] {
  return [
    "NODE_ENV=production",
    ...(name === undefined ? [] : [`npm_package_name=${name}`]),
    ...(version === undefined ? [] : [`npm_package_version=${version}`]),
  ];
}
