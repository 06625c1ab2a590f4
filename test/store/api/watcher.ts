import assert from "node:assert/strict";
import { type Book, watchPath } from "./book.ts";
import type { Event, Wire } from "./wire.ts";

/** Somebody who watches, and after each crash goes on where they were. */
export class Watcher {
  /** How many events it was told of that were checked. */
  told = 0;
  readonly #book: Book;
  /** Whether writers go by what this one hears. */
  readonly #isLeader: boolean;
  /** What it was told since the last check, as it was sent. */
  #heard: string[] = [];
  #resourceVersion = "";

  constructor(book: Book, { isLeader }: { readonly isLeader: boolean }) {
    this.#book = book;
    this.#isLeader = isLeader;
  }

  /** Watches until the server is gone. */
  async run(wire: Wire): Promise<void> {
    if (this.#resourceVersion === "") this.#begin();
    await wire.watch(watchPath(this.#resourceVersion), (line) => {
      this.#heard.push(line);
      if (this.#isLeader) this.#lead(JSON.parse(line));
      return false;
    });
    const last = this.#heard.at(-1);
    if (last === undefined) return;
    const { object }: Event = JSON.parse(last);
    this.#resourceVersion = object.metadata.resourceVersion;
  }

  /** What it heard, over all servers, is what happened, from where it began, to the letter. */
  check(): void {
    const { events } = this.#book;
    for (const line of this.#heard) {
      assert.equal(line, events[this.told], `event ${this.told} of a watcher`);
      this.told += 1;
    }
    this.#heard = [];
  }

  #lead({ type, object }: Event): void {
    const { current } = this.#book;
    const { name } = object.metadata;
    if (type === "DELETED") current.delete(name);
    else current.set(name, object);
  }

  /** Those before are not its own. */
  #begin(): void {
    this.#resourceVersion = this.#book.resourceVersion;
    this.told = this.#book.events.length;
  }
}
