import { APPLY } from "./apply.ts";
import { BACKUP } from "./backup.ts";
import type { Command } from "./command.ts";
import { completionOf } from "./completion.ts";
import { DELETE } from "./delete.ts";
import { DEPLOY } from "./deploy.ts";
import { DESCRIBE } from "./describe.ts";
import { EXPLAIN } from "./explain_request.ts";
import { GC } from "./gc.ts";
import { GET } from "./get.ts";
import { LOGS } from "./logs.ts";
import { OPEN } from "./open.ts";
import { RESTORE } from "./restore.ts";
import { REVISIONS } from "./revisions.ts";
import { ROLLBACK } from "./rollback.ts";
import { ROLLOUT } from "./rollout.ts";
import { ROTATE_KEY } from "./rotate_key.ts";
import { SAMPLE } from "./sample.ts";
import { SERVE } from "./serve.ts";
import { SERVICES } from "./services.ts";
import { TRAFFIC } from "./traffic.ts";
import { URL_COMMAND } from "./url.ts";
import { USER } from "./user.ts";
import { VERIFY } from "./verify.ts";
import { VERSION } from "./version.ts";

const TOLD: readonly Command[] = [
  SERVE,
  ...[DEPLOY, TRAFFIC, ROLLOUT, ROLLBACK, DELETE],
  ...[SERVICES, REVISIONS, DESCRIBE, LOGS, URL_COMMAND, OPEN, EXPLAIN, VERIFY, GC],
  ...[GET, APPLY],
  ...[BACKUP, RESTORE, ROTATE_KEY, USER],
  ...[VERSION, SAMPLE],
];

/** Every command there is, in the order of `varve --help`. */
export const COMMANDS: readonly Command[] = [...TOLD, completionOf(TOLD)];
