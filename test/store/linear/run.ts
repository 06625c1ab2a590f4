import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { CONFIG_MAP, type ConfigMap } from "../../../src/api/config_map.ts";
import { type Chance, seededChance } from "../../../src/base/chance.ts";
import { ApiHome } from "../api/api_home.ts";
import type { Answered, Wire } from "../api/wire.ts";
import { Directory } from "../directory.ts";
import { isLinear, type Operation, type Outcome, type Wish } from "./check.ts";

export interface Rounds {
  /** Each on objects of its own. */
  readonly rounds: number;
  readonly seed: number;
  /** Kill the server in the middle of every round, so that answers are missing. */
  readonly kills: boolean;
}

const CLIENTS = 10;
const OBJECTS = 3;
/** Of each client, in each of the two halves of a round. */
const WISHES = 12;
const ALL = "/api/v1/namespaces/linear/configmaps";

/** What somebody wants of an object by its name. */
interface Named {
  readonly name: string;
  readonly operation: Operation;
}

/**
 * Lets clients get, create, replace, compare-and-swap and delete the same few objects at once over
 * HTTPS, and asks of each object whether there is an order in which all answers make sense. Says
 * how it went, or throws the history for which there is none.
 */
export async function checkLinear({ rounds, seed, kills }: Rounds): Promise<string> {
  using directory = new Directory();
  await using home = await ApiHome.make(directory.store);
  const chance = seededChance(seed);
  let wire = await home.start();
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "linear" } };
  assert.equal((await wire.ask("POST", "/api/v1/namespaces", namespace))?.code, 201);
  let operations = 0;
  let open = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const crowd = new Crowd(round, chance);
    const first = crowd.act(wire);
    if (kills) {
      await crowd.halfOf(CLIENTS * WISHES * chance.fraction());
      await home.kill();
      await first;
      wire = await home.start();
    }
    await first;
    await crowd.act(wire);
    for (const [name, history] of crowd.histories()) {
      operations += history.length;
      open += history.filter(({ outcome }) => outcome === undefined).length;
      const told = history.map((it) => JSON.stringify(it)).join("\n");
      assert(isLinear(history), `seed ${seed}: there is no order for ${name}:\n${told}`);
    }
  }
  const what = `${operations} operations of ${CLIENTS} clients on ${rounds * OBJECTS} objects`;
  return `linear: ${what} have an order; ${open} without an answer; seed ${seed}`;
}

/** Clients that each do one thing after another. */
class Crowd {
  readonly #round: number;
  readonly #chance: Chance;
  readonly #done: Named[] = [];
  /** By name, what was found there last, with the version that it had. */
  readonly #known = new Map<string, { readonly text: string; readonly resourceVersion: string }>();
  #count = 0;
  #awaited: { readonly count: number; resolve(): void } | undefined;

  constructor(round: number, chance: Chance) {
    this.#round = round;
    this.#chance = chance;
  }

  async act(wire: Wire): Promise<void> {
    const clients = Array.from({ length: CLIENTS }, async () => {
      for (let at = 0; at < WISHES; at += 1) if (!(await this.#one(wire))) return;
    });
    await Promise.all(clients);
    this.#awaited?.resolve();
  }

  /** Resolves when so many are done, or all that will be. */
  async halfOf(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { count, resolve };
    await promise;
  }

  histories(): ReadonlyMap<string, readonly Operation[]> {
    const byName = Map.groupBy(this.#done, ({ name }) => name);
    return new Map([...byName].map(([name, all]) => [name, all.map((it) => it.operation)]));
  }

  async #one(wire: Wire): Promise<boolean> {
    const name = `r${this.#round}-o${Math.floor(this.#chance.fraction() * OBJECTS)}`;
    const { wish, resourceVersion } = this.#wish(name);
    const beganMs = performance.now();
    const answer = await ask(wire, name, { wish, resourceVersion });
    const endedMs = answer === undefined ? Infinity : performance.now();
    const outcome = answer && outcomeIn(answer, wish);
    this.#done.push({ name, operation: { wish, beganMs, endedMs, outcome } });
    if (answer !== undefined) this.#learn(name, answer);
    if (this.#awaited !== undefined && this.#done.length >= this.#awaited.count) {
      this.#awaited.resolve();
    }
    return answer !== undefined;
  }

  #wish(name: string): Asking {
    const known = this.#known.get(name);
    this.#count += 1;
    const text = `${this.#round}.${this.#count}`;
    const dice = this.#chance.fraction();
    if (dice < 0.3) return { wish: { act: "get" } };
    if (dice < 0.45 || known === undefined) return { wish: { act: "create", text } };
    const { text: expected, resourceVersion } = known;
    if (dice < 0.6) return { wish: { act: "replace", text } };
    if (dice < 0.85) return { wish: { act: "replace", text, expected }, resourceVersion };
    if (dice < 0.92) return { wish: { act: "delete" } };
    return { wish: { act: "delete", expected }, resourceVersion };
  }

  #learn(name: string, { code, body }: Answered): void {
    const { data, metadata } = body as Partial<ConfigMap>;
    const text = data?.["text"];
    if (code >= 300 || text === undefined || metadata === undefined) return;
    this.#known.set(name, { text, resourceVersion: metadata.resourceVersion });
  }
}

interface Asking {
  readonly wish: Wish;
  /** That of the text that is expected. */
  readonly resourceVersion?: string | undefined;
}

async function ask(
  wire: Wire,
  name: string,
  { wish, resourceVersion }: Asking,
): Promise<Answered | undefined> {
  const path = `${ALL}/${name}`;
  const { apiVersion, kind } = CONFIG_MAP;
  const metadata = { name, ...(resourceVersion !== undefined && { resourceVersion }) };
  switch (wish.act) {
    case "get":
      return await wire.ask("GET", path);
    case "create":
      return await wire.ask("POST", ALL, { apiVersion, kind, metadata, data: { text: wish.text } });
    case "replace":
      return await wire.ask("PUT", path, { apiVersion, kind, metadata, data: { text: wish.text } });
    case "delete": {
      const preconditions = resourceVersion === undefined ? {} : { resourceVersion };
      const options = { apiVersion: "v1", kind: "DeleteOptions", preconditions };
      return await wire.ask("DELETE", path, options);
    }
  }
}

function outcomeIn({ code, body }: Answered, { act }: Wish): Outcome {
  if (code === 404) return "absent";
  if (code === 409) return act === "create" ? "there" : "other";
  assert(code === 200 || code === 201, `${code}: ${JSON.stringify(body)}`);
  if (act !== "get") return "done";
  return { found: String((body as Partial<ConfigMap>).data?.["text"]) };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rounds: { type: "string" }, seed: { type: "string" } },
  });
  const { rounds = "100", seed = Date.now() % 1_000_000 } = values;
  const options = { rounds: Number(rounds), seed: Number(seed) };
  process.stdout.write(`${await checkLinear({ ...options, kills: false })}\n`);
  process.stdout.write(`${await checkLinear({ ...options, kills: true })}\n`);
}
