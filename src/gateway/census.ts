import type { Log } from "../base/log.ts";
import type { Family } from "../base/metrics.ts";
import { CountFiles } from "./count_files.ts";
import type { Member } from "./member.ts";
import { Sightings } from "./metrics.ts";
import type { Sighting } from "./sight.ts";

export interface CensusOptions {
  readonly home: string;
  readonly log: Log;
  /** Whether a revision is still there: what was counted of others is forgotten. */
  readonly isKnown: (backend: string) => boolean;
}

/**
 * Adds up what workers count, over all that come and go, and over control processes: a sum that
 * falls would look like a restart of everything, and one that jumps like requests.
 */
export class Census {
  readonly #options: CensusOptions;
  readonly #files: CountFiles;
  readonly #sightings = new Sightings();
  #isLoaded = false;

  constructor(options: CensusOptions) {
    this.#options = options;
    this.#files = new CountFiles(options.home);
  }

  /** Asks all of them. Who does not answer in time counts as it last did. */
  async take(members: ReadonlySet<Member>, deadlineMs: number): Promise<void> {
    const replies = [...members].map(async (member) => {
      const sighting = await member.ask({ about: "tallies" }, deadlineMs);
      if (sighting !== undefined) this.#sightings.set(member.record.name, sighting as Sighting);
    });
    await Promise.all(replies);
    this.fold(members);
  }

  /** Who has ended counts by its last word, or else by what it told last, from now on for good. */
  fold(members: ReadonlySet<Member>): void {
    const there = new Set([...members].map(({ record }) => record.name));
    try {
      this.#load();
      const words = this.#files.lastWords();
      for (const [name, sighting] of words) this.#sightings.set(name, sighting);
      const from = [...words.keys()].filter((name) => !there.has(name));
      if (this.#retire(there)) this.#files.keep(this.#sightings.past, from);
    } catch (thrown) {
      this.#options.log.warn({ err: thrown }, "what ended workers counted could not be kept");
      this.#retire(there);
    }
  }

  get families(): readonly Family[] {
    this.#sightings.forget(this.#options.isKnown);
    return this.#sightings.families;
  }

  #load(): void {
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    const past = this.#files.read();
    if (past !== undefined) this.#sightings.add(past);
  }

  #retire(there: ReadonlySet<string>): boolean {
    const ended = this.#sightings.workers.filter((name) => !there.has(name));
    for (const name of ended) this.#sightings.retire(name);
    this.#sightings.forget(this.#options.isKnown);
    return ended.length > 0;
  }
}
