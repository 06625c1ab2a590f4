import { dirname, join } from "node:path";
import type { RunConfig } from "../../oci/oci.ts";
import type { InstanceSpec } from "../runtime.ts";

/** By its value a process is known to be of an instance, when its number is not. */
export const TOKEN_VARIABLE = "VARVE_INSTANCE";

/** What an instance is told of the place where it runs. */
export interface Surroundings {
  readonly port: number;
  readonly token: string;
  /** A directory of its own, empty at the start of each run. */
  readonly scratch: string;
  /** Where this server finds programs, in the form of `PATH`. */
  readonly toolPath: string;
}

/**
 * All variables of an instance. The image's come first, then those of its spec; `PATH`, `HOME` and
 * `TMPDIR` are ours unless one of the two has them; `PORT` and the token are ours in any case.
 */
export function environmentOf(
  config: RunConfig,
  { env }: Pick<InstanceSpec, "env">,
  { port, token, scratch, toolPath }: Surroundings,
): Readonly<Record<string, string>> {
  return {
    PATH: `${dirname(process.execPath)}:${toolPath}`,
    HOME: join(scratch, "home"),
    TMPDIR: join(scratch, "tmp"),
    ...Object.fromEntries((config.Env ?? []).map(pair)),
    ...env,
    PORT: String(port),
    [TOKEN_VARIABLE]: token,
  };
}

function pair(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
}
