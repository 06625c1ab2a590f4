import type { LogFile, Row } from "./log_file.ts";

/** What a store held at one moment, as it is in its file. */
export interface Snapshot extends Disposable {
  /** That moment. */
  readonly revision: number;
  /** How many resources there were. */
  readonly resources: number;
  /** Their rows, oldest first, page by page: others may have their turn in between. */
  pages(): Iterable<readonly Row[]>;
}

interface SnapshotOptions {
  readonly revision: number;
  /** Of the rows that count. */
  readonly revisions: ReadonlySet<number>;
  /** Throws once the file is closed. */
  readonly check: () => void;
  readonly onClose: () => void;
}

/** Rows never change, so it is enough that nobody sweeps them away. */
export class FileSnapshot implements Snapshot {
  readonly revision: number;
  readonly #file: LogFile;
  readonly #options: SnapshotOptions;
  #isClosed = false;

  constructor(file: LogFile, options: SnapshotOptions) {
    this.revision = options.revision;
    this.#file = file;
    this.#options = options;
  }

  get resources(): number {
    return this.#options.revisions.size;
  }

  *pages(): Iterable<readonly Row[]> {
    const { revisions, check } = this.#options;
    let found = 0;
    for (let after = 0; ; ) {
      check();
      const page = this.#file.page(after, this.revision);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.revision;
      const counting = page.filter(({ revision }) => revisions.has(revision));
      found += counting.length;
      if (counting.length > 0) yield counting;
    }
    if (found < revisions.size) throw this.#file.damaged(`${revisions.size - found} rows are gone`);
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClose();
  }
}
