import { existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { BackupHead } from "../api/backup.ts";
import { ArchiveError } from "../base/archive.ts";
import { systemClock } from "../base/clock.ts";
import { isStoreOpen } from "../store/restore.ts";
import { ConfigError, readConfig } from "./config.ts";
import { type Home, homeAt, makeHome } from "./home.ts";
import { readBackup, restoreHome } from "./restore_home.ts";

const HELP = `Usage: varve restore BACKUP [flags]

Puts a backup, made by "varve backup", into a home whose server does not run, or into a new one.
The backup is checked first, and what was restored is compared with it afterwards.

  --home DIR            the home [VARVE_HOME; otherwise the usual one]
  --replace             take the place of what is in the home; that is kept beside it
  --json                print the result as JSON
  --help                this text

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 there is a store that --replace would replace.
`;

/** Something that ends a restore before anything was changed. */
class Refusal extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

interface Asked {
  readonly backup: string;
  readonly home: Home;
  readonly replaces: boolean;
  readonly isJson: boolean;
}

/** `varve restore`: where no server runs, nobody else could do it. Answers with the exit code. */
export async function restore(args: readonly string[], program: string): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    const asked = askedBy(args);
    await makeHome(asked.home);
    const head = await checked(asked);
    await check(asked);
    const name = systemClock.timestamp().replaceAll(":", "-");
    const aside = `${asked.home.path}/replaced-${name}`;
    const wasThere = await restoreHome(asked.backup, { home: asked.home, head, aside });
    tell(head, { asked, program, aside: wasThere ? aside : undefined });
    return 0;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    process.stderr.write(`varve restore: ${why}\n`);
    if (thrown instanceof ConfigError) return 2;
    return thrown instanceof Refusal ? thrown.exitCode : 1;
  }
}

function askedBy(args: readonly string[]): Asked {
  const string = { type: "string" } as const;
  const boolean = { type: "boolean" } as const;
  const options = { home: string, replace: boolean, json: boolean };
  const { values, positionals } = parsed(() =>
    parseArgs({ args: [...args], options, allowPositionals: true }),
  );
  const [backup, ...others] = positionals;
  if (backup === undefined || others.length > 0) {
    throw new Refusal(`want one BACKUP, have ${positionals.length}\nTry: varve restore --help`, 2);
  }
  const { home } = readConfig(values.home === undefined ? [] : ["--home", values.home]);
  const { replace: replaces = false, json: isJson = false } = values;
  return { backup, home: homeAt(home), replaces, isJson };
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Refusal(`${why}\nTry: varve restore --help`, 2);
  }
}

/** The head of a backup all of which has been read and found whole. */
async function checked({ backup }: Asked): Promise<BackupHead> {
  try {
    return await readBackup(backup);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const way = thrown instanceof ArchiveError ? "; nothing was changed: try another backup" : "";
    throw new Refusal(`Cannot restore "${backup}": ${why}${way}`);
  }
}

async function check({ home, replaces, backup }: Asked): Promise<void> {
  const into = `into "${home.path}"`;
  if (isStoreOpen(home.store)) {
    throw new Refusal(`Cannot restore ${into}: its server runs; stop that one first`);
  }
  const there = [home.store, `${home.store}-wal`];
  const found = await Promise.all(there.map((path) => access(path).then(...YES_OR_NO)));
  if (replaces || !found.includes(true)) return;
  const way = `add --replace, which keeps the old one beside it: restore ${backup} --replace`;
  throw new Refusal(`Cannot restore ${into}: there is a store, "${home.store}"; ${way}`, 3);
}

const YES_OR_NO = [() => true, () => false] as const;

interface Outcome {
  readonly asked: Asked;
  readonly program: string;
  readonly aside: string | undefined;
}

function tell(head: BackupHead, { asked, program, aside }: Outcome): void {
  const { home, isJson } = asked;
  const hasKey = existsSync(join(home.path, "secrets.key"));
  if (isJson) {
    const result = { ...head, home: home.path, ...(aside !== undefined && { replaced: aside }) };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  const more = `${head.images ? ", with images" : ""}${head.keys ? ", with keys" : ""}`;
  const lines = [
    `Restored ${head.resources} resources of ${head.madeAt} into ${home.path}${more}`,
    ...(aside === undefined ? [] : [`What was there before is in ${aside}`]),
    ...(hasKey ? [] : [`Put the old secrets.key there first, if there are Secrets: ${home.path}`]),
    `Start it: node ${program} serve --home ${home.path}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
