import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { defaultHome, type Environment } from "./environment.ts";
import { failure } from "./failure.ts";
import type { Flags } from "./flags.ts";

/**
 * The kubeconfig of the server that is meant: what a flag names, what the environment names, the
 * home in this directory, or the usual one. Throws `Failure` when there is none.
 */
export async function findKubeconfig(flags: Flags, environment: Environment): Promise<string> {
  const named = namedKubeconfig(flags, environment);
  const paths = named === undefined ? usualPlaces(environment) : [named];
  for (const path of paths) if (await isThere(path)) return path;
  const { program } = environment;
  const looked = paths.map((path) => `  ${path}`).join("\n");
  throw failure(
    `There is no Varve server to be found: there is no such file as\n${looked}`,
    `Start one: ${serveLine(flags, program)}`,
    "Or name one by --home DIR, --kubeconfig FILE, VARVE_HOME or VARVE_KUBECONFIG",
  );
}

/** The command line that starts the server that is meant. */
export function serveLine(flags: Flags, program: string): string {
  const home = flags.text("home");
  return `${program} serve${home === undefined ? "" : ` --home ${home}`}`;
}

function namedKubeconfig(flags: Flags, { variables, directory }: Environment): string | undefined {
  const inHome = (home: string) => resolve(directory, home, "kubeconfig");
  const file = flags.text("kubeconfig");
  const home = flags.text("home");
  if (file !== undefined) return resolve(directory, file);
  if (home !== undefined) return inHome(home);
  const { VARVE_KUBECONFIG: usualFile = "", VARVE_HOME: usualHome = "" } = variables;
  if (usualFile !== "") return resolve(directory, usualFile);
  return usualHome === "" ? undefined : inHome(usualHome);
}

function usualPlaces({ variables, directory }: Environment): readonly string[] {
  return [join(directory, ".varve"), defaultHome(variables)].map((home) =>
    join(home, "kubeconfig"),
  );
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
