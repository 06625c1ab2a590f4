import { t, type Value } from "../base/schema.ts";
import { read } from "../base/schema_reading.ts";

/** The first file of a backup. It says what the others are. */
export const BACKUP_HEAD = "varve-backup.json";
/** A newer form of backups than this one we cannot read. */
export const BACKUP_FORMAT = 1;

const SCHEMA = t.Object({
  format: t.Integer(),
  /** Of the Varve that made it. */
  version: t.String(),
  /** When it began, RFC 3339. */
  madeAt: t.String(),
  /** Everything that was written up to here is in it, and nothing later. */
  revision: t.Integer(),
  resources: t.Integer(),
  images: t.Boolean(),
  keys: t.Boolean(),
});

export type BackupHead = Value<typeof SCHEMA>;

/** Throws an `Error` that says what is wrong with it. */
export function readBackupHead(text: string): BackupHead {
  const { value, problems } = read(SCHEMA, parsed(text));
  const [problem] = problems;
  if (problem !== undefined) {
    throw new Error(`its ${BACKUP_HEAD} cannot be read: ${problem.path} ${problem.message}`);
  }
  if (value.format <= BACKUP_FORMAT) return value;
  const known = `this one knows formats up to ${BACKUP_FORMAT}`;
  throw new Error(`Varve ${value.version} made it, in format ${value.format}, and ${known}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`its ${BACKUP_HEAD} cannot be read`, { cause });
  }
}
