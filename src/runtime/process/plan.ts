import { type Command, commandOf } from "../command.ts";
import type { InstanceSpec } from "../runtime.ts";
import { environmentOf, type Surroundings } from "./environment.ts";
import { findExecutable, workingDirectory } from "./executable.ts";
import type { LaidOut } from "./laid_out.ts";
import { securityCaveats } from "./security.ts";
import { type User, userOf } from "./user.ts";

/** All that the operating system has to be told to start a process. */
export interface Plan {
  readonly command: Command;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: User;
  readonly caveats: readonly string[];
  /** Where the image's files are. */
  readonly tree: string;
}

/** A path of its own choice would be one of this machine, which we must not read for it. */
const UNREAD =
  "terminationMessagePath is not read, as a plain process has no files of its own: " +
  "the last lines it wrote say why it ended";

/** How to run a spec. Throws `NotStarted` when it cannot be. */
export function planOf(spec: InstanceSpec, image: LaidOut, around: Surroundings): Plan {
  const { config, tree } = image;
  const env = environmentOf(config, spec, around);
  const directory = workingDirectory(tree, spec.workingDir ?? config.WorkingDir ?? "/");
  const asked = commandOf(spec, config, env);
  const own = ownUser();
  const { user, caveats } = userOf({ asked: spec.user, image: config.User, tree, own });
  const all = [
    ...caveats,
    ...securityCaveats(spec.security, (user.uid ?? own?.uid) === 0),
    ...(spec.terminationMessagePath === undefined ? [] : [UNREAD]),
  ];
  const plan = { command: asked, directory, env, user, caveats: all, tree };
  return { ...plan, command: resolved(plan, asked) };
}

/** The same surroundings for another command, such as that of a probe. */
export function instead(plan: Plan, [file, ...args]: Command): Plan {
  return { ...plan, command: resolved(plan, [file, ...args]) };
}

function resolved({ tree, directory, env }: Plan, [file, ...args]: Command): Command {
  return [findExecutable(file, { tree, directory, path: env["PATH"] ?? "" }), ...args];
}

function ownUser(): { readonly uid: number; readonly gid: number } | undefined {
  const { getuid, getgid } = process;
  if (getuid === undefined || getgid === undefined) return undefined;
  return { uid: getuid(), gid: getgid() };
}
