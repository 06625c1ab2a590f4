import type { RunConfig } from "../oci/oci.ts";
import { NotStarted } from "./not_started.ts";
import type { InstanceSpec } from "./runtime.ts";

export type Command = readonly [string, ...(readonly string[])];

type Asked = Pick<InstanceSpec, "command" | "args">;

/**
 * What to run, as Kubernetes combines what is asked for with what the image says: `command` takes
 * the place of entry point and arguments, `args` of the arguments alone. In both, `$(NAME)` is
 * that variable of the instance.
 */
export function commandOf(
  { command = [], args = [] }: Asked,
  config: RunConfig,
  env: Readonly<Record<string, string>>,
): Command {
  const { Entrypoint = [], Cmd = [] } = config;
  const asked = (list: readonly string[]) => list.map((it) => expanded(it, env));
  const head = command.length > 0 ? asked(command) : Entrypoint;
  const isCmdLeft = command.length === 0 && args.length === 0;
  const [file, ...rest] = [...head, ...(isCmdLeft ? Cmd : asked(args))];
  if (file !== undefined && file !== "") return [file, ...rest];
  throw new NotStarted(
    "there is nothing to run: the image has neither an entry point nor a command. Give a command " +
      "with the container, or build the image with one",
  );
}

/** `$(NAME)` is the variable, or stays as it is when there is none; `$$` is one dollar sign. */
function expanded(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^()]+)\)/g, (found, name?: string) => {
    if (name === undefined) return "$";
    return Object.hasOwn(env, name) ? (env[name] ?? "") : found;
  });
}
