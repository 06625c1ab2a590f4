import type { Log } from "../base/log.ts";
import { RotatingFile } from "../base/rotating_file.ts";
import { type AuditEntry, auditLine } from "../server/access/audit.ts";

const FILES = 8;

export interface AuditLogOptions {
  readonly path: string;
  /** For all of its files; 0 writes none. */
  readonly megabytes: number;
  readonly log: Log;
}

/** Who did what, a line of JSON for each request, in files of which the oldest goes. */
export class AuditLog implements Disposable {
  readonly #file: RotatingFile | undefined;

  constructor({ path, megabytes, log }: AuditLogOptions) {
    if (megabytes === 0) return;
    this.#file = new RotatingFile({
      path,
      fileBytesMax: Math.floor((megabytes * 1024 * 1024) / FILES),
      filesMax: FILES,
      onError: (err) => log.error({ err, path }, "the audit log cannot be written"),
    });
  }

  write(entry: AuditEntry): void {
    this.#file?.append(auditLine(entry));
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
  }
}
