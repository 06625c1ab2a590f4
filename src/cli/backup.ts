import { open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { BACKUP_HEAD, type BackupHead, readBackupHead } from "../api/backup.ts";
import { ArchiveError } from "../base/archive.ts";
import { syncDirectory, writeAll } from "../base/durable_file.ts";
import { unsealArchive } from "../base/sealed_archive.ts";
import { type Asked, type Command, type Context, defined } from "./command.ts";
import { failure, notSafe } from "./failure.ts";
import { quoted } from "./quoted.ts";

export const BACKUP: Command = {
  name: "backup",
  group: "Server",
  summary: "Save all that a running server holds to a file",
  text:
    'Saves all resources, as of one moment, to a file that "varve restore" reads. The server ' +
    "goes on meanwhile. The file is checked as it comes, and gets its name once it is whole.",
  args: [{ form: "FILE", meaning: "the file to write, a tar archive" }],
  flags: [
    { name: "images", meaning: "also images and builds, so that nothing need be built again" },
    {
      name: "keys",
      meaning: "also the authority, the token and the key of Secrets: keep that file as a secret",
    },
    { name: "force", meaning: "replace the file when it is there" },
  ],
  examples: [
    { line: "backup varve.tar", meaning: "All resources." },
    { line: "backup varve.tar --images --keys", meaning: "All that another machine needs." },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const { terminal, signal, environment } = context;
  const path = resolve(environment.directory, defined(args[0]));
  if (!flags.has("force") && (await isThere(path))) {
    throw notSafe(`"${path}" is there already`, "Name another file, or add --force");
  }
  const server = await context.connect();
  const scope = { images: flags.has("images"), keys: flags.has("keys") };
  const content = server.client.backup(scope, { signal });
  const { head, bytes } = await save(content, path);
  if (context.isJson) {
    await terminal.printJson({ file: path, bytes, ...head });
    return;
  }
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  await terminal.print(`Saved ${head.resources} resources as of ${head.madeAt}: ${path}, ${size}`);
  terminal.say(`Restore it: ${environment.program} restore ${quoted(path)} --home DIR`);
}

interface Saved {
  readonly head: BackupHead;
  readonly bytes: number;
}

/** Whole or not at all: after a power cut too. */
async function save(content: AsyncIterable<Uint8Array>, path: string): Promise<Saved> {
  const aside = `${path}.part`;
  let bytes = 0;
  let head: BackupHead | undefined;
  try {
    await using file = await open(aside, "w", 0o600);
    async function* written() {
      for await (const chunk of content) {
        bytes += chunk.length;
        await writeAll(file, chunk);
        yield chunk;
      }
    }
    for await (const entry of unsealArchive(written())) {
      if (entry.path === BACKUP_HEAD) head = readBackupHead(await textOf(entry.content));
    }
    if (head === undefined) throw failure(`the server sent no ${BACKUP_HEAD}: try again`);
    await file.sync();
    await rename(aside, path);
    await syncDirectory(dirname(path));
    return { head, bytes };
  } catch (thrown) {
    await rm(aside, { force: true });
    if (!(thrown instanceof ArchiveError)) throw thrown;
    throw failure(`The backup did not come whole: ${thrown.message}`, "Try again");
  }
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(content)).toString();
}

async function isThere(path: string): Promise<boolean> {
  return await open(path).then(
    async (file) => {
      await file.close();
      return true;
    },
    () => false,
  );
}
