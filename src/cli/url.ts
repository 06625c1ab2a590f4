import { type Asked, type Command, type Context, defined, type Flag } from "./command.ts";
import { failure, wrongUsage } from "./failure.ts";
import { mustService } from "./find_service.ts";

export const TAG: Flag = {
  name: "tag",
  value: "TAG",
  meaning: "the address of a tag instead of the main one",
};

export const URL_COMMAND: Command = {
  name: "url",
  group: "Look",
  summary: "Print the address of a service, and nothing else",
  args: [{ form: "SERVICE", meaning: "the service" }],
  flags: [TAG],
  examples: [
    { line: "url shop", meaning: 'For scripts: curl "$(varve url shop)"' },
    { line: "url shop --tag next", meaning: "Of one of its tags." },
  ],
  run,
};

async function run(asked: Asked, context: Context): Promise<undefined> {
  const { terminal, isJson } = context;
  const url = await urlAsked(asked, context);
  await (isJson ? terminal.printJson({ url }) : terminal.print(url));
}

/** The address that is asked for. Throws `Failure` when there is none. */
export async function urlAsked({ args, flags }: Asked, context: Context): Promise<string> {
  const [first] = args;
  const server = await context.connect();
  const { metadata, status } = await mustService(server, defined(first), context);
  const { name } = metadata;
  const tag = flags.text("tag");
  const targets = (status?.traffic ?? []).filter((target) => target.tag !== undefined);
  const url = tag === undefined ? status?.url : targets.find((it) => it.tag === tag)?.url;
  if (url !== undefined) return url;
  if (tag === undefined) {
    throw failure(`Service "${name}" has no address yet`, context.command(`describe ${name}`));
  }
  const tags = targets.map((target) => target.tag).join(", ");
  throw wrongUsage(`Service "${name}" has no tag "${tag}"`, `Tags: ${tags || "none"}`);
}
