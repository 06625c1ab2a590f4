import { REVISION } from "../api/revision.ts";
import { didYouMean } from "./closest.ts";
import { columns } from "./columns.ts";
import { type Asked, type Command, type Context, defined } from "./command.ts";
import { type ExitCode, failure } from "./failure.ts";
import { orNothing } from "./find_service.ts";

export const VERIFY: Command = {
  name: "verify",
  group: "Look",
  summary: "Check that a revision is what it was made as",
  text:
    "Computes the identity of a revision anew: its image is read from the store of images and " +
    "hashed, and so are its configuration and the copies of what that refers to. Says what is " +
    "not as it was, and ends with 1 then.",
  args: [{ form: "REVISION", meaning: "the revision" }],
  examples: [{ line: "verify shop-00003", meaning: "Has anybody touched it?" }],
  run,
};

interface Verified {
  readonly revision: string;
  readonly isSame: boolean;
  readonly recorded?: string;
  readonly computed?: string;
  readonly follows?: boolean;
  readonly parts: readonly {
    readonly part: string;
    readonly name?: string;
    readonly message?: string;
  }[];
}

async function run({ args }: Asked, context: Context): Promise<ExitCode> {
  const { terminal, isJson, signal } = context;
  const name = defined(args[0]);
  const { client, namespace } = await context.connect();
  const path = `/apis/${REVISION.apiVersion}/namespaces/${namespace}/revisions/${name}/verify`;
  const told = await orNothing(client.ask<Verified>(path, { signal }));
  if (told === undefined) {
    const { items } = await client.list(REVISION, { namespace, signal });
    const meant = didYouMean(
      name,
      items.map(({ metadata }) => metadata.name),
    );
    const message = `There is no revision "${name}" in the namespace "${namespace}"${meant}`;
    throw failure(message, `What there is: ${context.command("revisions")}`);
  }
  if (isJson) await terminal.printJson(told);
  else await terminal.print(linesOf(told, context).join("\n"));
  return told.isSame ? 0 : 1;
}

function linesOf(told: Verified, { terminal }: Context): readonly string[] {
  const { revision, isSame, recorded, computed, follows, parts } = told;
  const rows = parts.map(({ part, name = "", message }) => [
    message === undefined ? terminal.style("green", "same") : terminal.style("red", "differs"),
    part,
    name,
    message ?? "",
  ]);
  const now = computed === recorded ? "" : `, and is ${computed} now`;
  const is = isSame ? "is what it was made as" : "is not what it was made as";
  const live = "It follows its ConfigMaps and Secrets: they are no part of its identity";
  return [
    ...columns(["", "PART", "NAME", "WHY"], rows),
    ...(follows === true ? [live] : []),
    `${revision} ${is}: its identity is ${recorded ?? "not known"}${now}`,
  ];
}
