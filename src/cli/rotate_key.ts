import type { Command, Context } from "./command.ts";

export const ROTATE_KEY: Command = {
  name: "rotate-key",
  group: "Server",
  summary: "Encrypt all Secrets with a new key",
  text:
    "Makes a new key for Secrets in the server's key file, encrypts all of them with it, and " +
    "forgets the old one. Backups of before need the key file of before: keep its copy with them.",
  examples: [{ line: "rotate-key", meaning: "For when somebody may have seen the key file." }],
  run,
};

async function run(_asked: unknown, context: Context): Promise<undefined> {
  const { client } = await context.connect();
  const { signal, terminal } = context;
  const rotated = await client.send<{ readonly id: string; readonly rows: number }>(
    "POST",
    "/secrets-key/rotation",
    { signal },
  );
  if (context.isJson) {
    await terminal.printJson(rotated);
    return;
  }
  const { id, rows } = rotated;
  await terminal.print(`Encrypted ${rows} versions of Secrets with the new key ${id}`);
  terminal.say(
    "Keep a copy of the key file apart from the backups: they cannot be read without it",
  );
}
