import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Asked, Command, Context } from "./command.ts";

export const VERSION: Command = {
  name: "version",
  group: "More",
  summary: "Print the version of this program, and of the server if it answers",
  examples: [{ line: "version", meaning: "For a bug report." }],
  run,
};

/** The server need not be there, and must not keep us. */
const ANSWER_MS_MAX = 3000;

async function run(_asked: Asked, context: Context): Promise<undefined> {
  const { terminal, isJson } = context;
  const server = await serverVersion(context);
  const version = await ownVersion();
  const node = process.versions.node;
  if (isJson) {
    await terminal.printJson({ version, node, server: server ?? null });
    return;
  }
  await terminal.print(`varve ${version} (Node ${node})`);
  if (server !== undefined) await terminal.print(`server ${server.version} at ${server.address}`);
}

/** As our package has it. */
async function ownVersion(): Promise<string> {
  const path = join(import.meta.dirname, "../../package.json");
  return JSON.parse(await readFile(path, "utf8")).version;
}

async function serverVersion(context: Context) {
  const late = new AbortController();
  using _late = context.clock.after(ANSWER_MS_MAX, () => late.abort());
  try {
    const { client, address } = await context.connect();
    const signal = AbortSignal.any([late.signal, context.signal]);
    const { gitVersion = "" } = await client.version({ signal });
    return { version: gitVersion, address };
  } catch {
    return undefined;
  }
}
