import assert from "node:assert/strict";
import type { ConfigMap } from "../../../src/api/config_map.ts";
import type { Chance } from "../../../src/base/chance.ts";
import { ALL, type Asked, type Book, configMap } from "./book.ts";
import type { Answered, Wire } from "./wire.ts";

const NAMES = 60;
/** Somebody else was faster, or it is there, or gone: these are refusals and no failures. */
const REFUSED = [404, 409];

/** Somebody who creates, replaces and deletes, one request at a time, until the server is gone. */
export class Writer {
  readonly #book: Book;
  readonly #at: number;
  #count = 0;

  constructor(book: Book, at: number) {
    this.#book = book;
    this.#at = at;
  }

  async run(wire: Wire, chance: Chance): Promise<void> {
    while (await this.#write(wire, chance));
  }

  /** Answers whether there was an answer. */
  async #write(wire: Wire, chance: Chance): Promise<boolean> {
    const { current } = this.#book;
    const name = `c${Math.floor(chance.fraction() * NAMES)}`;
    const known = current.get(name);
    this.#count += 1;
    const id = `${this.#at}.${this.#count}`;
    if (known === undefined) return await this.#create(wire, name, id);
    if (chance.fraction() < 0.2) return await this.#delete(wire, known);
    return await this.#replace(wire, { known, id, isBlind: chance.fraction() < 0.3 });
  }

  async #create(wire: Wire, name: string, id: string): Promise<boolean> {
    const asked = this.#book.ask("put", name, id);
    return this.#note(asked, await wire.ask("POST", ALL, configMap(name, id)));
  }

  /** With the version that is known, or whatever is there. */
  async #replace(
    wire: Wire,
    { known, id, isBlind }: { known: ConfigMap; id: string; isBlind: boolean },
  ): Promise<boolean> {
    const { name, resourceVersion } = known.metadata;
    const asked = this.#book.ask("put", name, id);
    const sent = configMap(name, id);
    const metadata = isBlind ? sent.metadata : { name, resourceVersion };
    return this.#note(asked, await wire.ask("PUT", `${ALL}/${name}`, { ...sent, metadata }));
  }

  async #delete(wire: Wire, { metadata: { name, uid } }: ConfigMap): Promise<boolean> {
    const asked = this.#book.ask("delete", name, uid);
    const options = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } };
    return this.#note(asked, await wire.ask("DELETE", `${ALL}/${name}`, options));
  }

  #note(asked: Asked, answer: Answered | undefined): boolean {
    if (answer === undefined) return false;
    const { code, body } = answer;
    this.#book.countAnswer();
    assert(code < 300 || REFUSED.includes(code), `${code}: ${JSON.stringify(body)}`);
    asked.outcome = code < 300 ? "answered" : "refused";
    const { metadata } = body as Partial<ConfigMap>;
    if (asked.outcome === "answered" && asked.act === "put" && metadata !== undefined) {
      asked.revision = Number(metadata.resourceVersion);
      this.#book.current.set(asked.name, body as unknown as ConfigMap);
    }
    return true;
  }
}
