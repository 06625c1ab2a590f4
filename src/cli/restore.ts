import type { Command, Context } from "./command.ts";
import { wrongUsage } from "./failure.ts";

/** Listed here for people to find; the program goes another way when it is the first word. */
export const RESTORE: Command = {
  name: "restore",
  group: "Server",
  summary: "Put a backup into a home whose server does not run",
  text: "Puts a backup into a home. Its own flags are told by: varve restore --help",
  examples: [
    { line: "restore varve.tar --home new", meaning: "Into a new home." },
    {
      line: "restore varve.tar --replace",
      meaning: "In place of what is there, which is kept beside it.",
    },
  ],
  run,
};

async function run(_asked: unknown, { environment }: Context): Promise<never> {
  const write = `Write: ${environment.program} restore …`;
  throw wrongUsage('"restore" must be the first word', write);
}
