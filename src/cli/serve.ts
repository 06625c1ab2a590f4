import type { Command, Context } from "./command.ts";
import { wrongUsage } from "./failure.ts";

/** Listed here for people to find; the program goes another way when it is the first word. */
export const SERVE: Command = {
  name: "serve",
  group: "Server",
  summary: "Run the server: API, builds, instances and gateway",
  text: "Runs the server. Its own flags are told by: varve serve --help",
  examples: [{ line: "serve --home .varve", meaning: "With its home in this directory." }],
  run,
};

async function run(_asked: unknown, { environment }: Context): Promise<never> {
  throw wrongUsage('"serve" must be the first word', `Write: ${environment.program} serve …`);
}
