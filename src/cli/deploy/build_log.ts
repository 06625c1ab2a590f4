import type { ObjectKey } from "../../api/meta.ts";
import { childName } from "../../api/name.ts";
import type { Server } from "../command.ts";
import { hasNoLog } from "../logs/has_no_log.ts";
import type { Progress } from "../progress.ts";

/** The Pod that shows the build of a revision. */
export function buildPodOf(revision: string): string {
  return childName(revision, "-build");
}

/** Repeats what a build says while it is at work. */
export class BuildLog {
  readonly #server: Server;
  readonly #progress: Progress;
  readonly #signal: AbortSignal;
  #followed: Promise<void> | undefined;
  /** Whether anything was repeated. */
  hasSpoken = false;

  constructor(server: Server, progress: Progress, signal: AbortSignal) {
    this.#server = server;
    this.#progress = progress;
    this.#signal = signal;
  }

  /** Begins to follow, unless it does already. */
  follow(revision: string): void {
    const key = { namespace: this.#server.namespace, name: buildPodOf(revision) };
    this.#followed ??= this.#follow(key);
  }

  /** Resolves when all was repeated. */
  async end(): Promise<void> {
    await this.#followed;
  }

  async #follow(key: ObjectKey): Promise<void> {
    const options = { follow: true, signal: this.#signal };
    try {
      for await (const line of this.#server.client.podLog(key, options)) {
        this.hasSpoken = true;
        this.#progress.quote(line);
      }
    } catch (thrown) {
      // It is not there yet: the next look tries again. Without a log one can still wait.
      if (hasNoLog(thrown)) this.#followed = undefined;
    }
  }
}
