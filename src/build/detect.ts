import { BuildError } from "./build_error.ts";
import type { ListedEntry, Listing } from "./listing.ts";
import { type PackageJson, readPackageJson } from "./package_json.ts";
import { mainPaths } from "./start_command.ts";

/** What a source is, and so how it is built and started. */
export type Detected =
  | { readonly kind: "procfile"; readonly command: string; readonly packageJson?: PackageJson }
  | { readonly kind: "node"; readonly packageJson: PackageJson }
  | { readonly kind: "static"; readonly directory: string }
  | { readonly kind: "executable"; readonly name: string };

export interface Machine {
  readonly platform: string;
  readonly arch: string;
}

/** Where a site may be, in this order: as it was written, or as it was built before. */
const SITES = ["", "public", "dist", "build", "out", "_site"];
/** Where a site is after a build. Its top has what it was made from. */
const BUILT_SITES = ["dist", "build", "out", "_site", "public"];

/**
 * Decides what a source is: a Procfile says it, or else it is a Node app, a static site or one
 * executable file, in this order. Throws `NothingToRun`, which says what was looked for.
 */
export function detect(listing: Listing, machine: Machine): Detected {
  const text = listing.texts.get("package.json");
  const packageJson = text === undefined ? undefined : readPackageJson(text);
  const command = webCommand(listing.texts.get("Procfile"));
  if (command !== undefined) {
    return { kind: "procfile", command, ...(packageJson !== undefined && { packageJson }) };
  }
  if (packageJson !== undefined && isNodeApp(packageJson, listing)) {
    return { kind: "node", packageJson };
  }
  const directory = SITES.find((site) => listing.hasFile(indexOf(site)));
  if (directory !== undefined) return { kind: "static", directory };
  const programs = programsOf(listing);
  const [program, second] = programs;
  if (program !== undefined && second === undefined) {
    checkRuns(program, machine);
    return { kind: "executable", name: program.name };
  }
  throw nothingToRun(listing, programs);
}

/** The site that a build has made, where there is one. */
export function builtSite(listing: Listing): string | undefined {
  return BUILT_SITES.find((site) => listing.hasFile(indexOf(site)));
}

/** What the line `web:` of a Procfile says, if it has one. */
export function webCommand(procfile: string | undefined): string | undefined {
  const [, command] = /^web:[ \t]*(\S.*?)[ \t]*\r?$/m.exec(procfile ?? "") ?? [];
  return command;
}

function isNodeApp(packageJson: PackageJson, listing: Listing): boolean {
  const { start, build } = packageJson.scripts;
  if (start !== undefined || build !== undefined) return true;
  return ["server.js", ...mainPaths(packageJson)].some(listing.hasFile);
}

function indexOf(site: string): string {
  return site === "" ? "index.html" : `${site}/index.html`;
}

/** Programs at the top that may be executed; where one is all there is, it need not say so. */
function programsOf({ entries }: Listing): readonly ListedEntry[] {
  const programs = entries.filter(({ name, program }) => {
    return program !== undefined && !name.startsWith(".");
  });
  return programs.filter(({ isExecutable }) => isExecutable || entries.length === 1);
}

function checkRuns({ name, program }: ListedEntry, { platform, arch }: Machine): void {
  if (program?.type !== "binary") return;
  const isHome = program.platform === platform && (program.arch ?? arch) === arch;
  if (isHome) return;
  const from =
    program.arch === undefined ? program.platform : `${program.platform} on ${program.arch}`;
  const what = `"${name}" is a program for ${from}`;
  throw new BuildError("NothingToRun", `${what}, and this server is ${platform} on ${arch}`);
}

const NAMES_SHOWN_MAX = 20;

function nothingToRun(listing: Listing, programs: readonly ListedEntry[]): BuildError {
  const { entries } = listing;
  const sites = SITES.slice(1).join(", ");
  const wanted =
    'a Procfile with a line "web: …", a package.json with a start script, a server.js or a main ' +
    `file, an index.html at the top or in one of ${sites}, or one executable file at the top`;
  const names = entries.map(({ name, type }) => (type === "directory" ? `${name}/` : name));
  const more = names.length > NAMES_SHOWN_MAX ? `, and ${names.length - NAMES_SHOWN_MAX} more` : "";
  const list = `${names.slice(0, NAMES_SHOWN_MAX).join(", ")}${more}`;
  const found = names.length === 0 ? "it is empty" : `found ${list}`;
  const hints = hintsOf(listing, programs).map((hint) => `. ${hint}`);
  const message = `There is nothing to run in the source: looked for ${wanted}; ${found}`;
  return new BuildError("NothingToRun", `${message}${hints.join("")}`);
}

/** The way out, where we can guess what was meant. */
function hintsOf({ entries, texts }: Listing, programs: readonly ListedEntry[]): readonly string[] {
  const has = (name: string) => entries.some((entry) => entry.name === name);
  const hints: string[] = [];
  const [first] = programs;
  if (first !== undefined) {
    const names = programs.map(({ name }) => `"${name}"`).join(", ");
    hints.push(
      `There are several executable files (${names}): say which one to start in a Procfile, ` +
        `such as "web: ./${first.name}"`,
    );
  }
  if (texts.has("Procfile")) hints.push('The Procfile has no line "web: …"');
  if (texts.has("package.json")) {
    hints.push('The package.json names nothing to start: add a script "start"');
  }
  if (has("Dockerfile")) {
    hints.push("A Dockerfile is built by a Build, whose steps are containers");
  }
  const script = ["server.js", "server.mjs", "index.js", "main.py", "app.py"].find(has);
  if (script !== undefined && first === undefined && !texts.has("package.json")) {
    const tool = script.endsWith(".py") ? "python3" : "node";
    hints.push(`To start "${script}", add a Procfile with "web: ${tool} ${script}"`);
  }
  return hints;
}
