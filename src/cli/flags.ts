import { readDurationMs } from "../api/duration.ts";
import type { Flag } from "./command.ts";
import { wrongUsage } from "./failure.ts";

/** Flags that every command has. */
export const COMMON: readonly Flag[] = [
  {
    name: "namespace",
    short: "n",
    value: "NAME",
    meaning: "the namespace to look in (default: that of the kubeconfig)",
  },
  { name: "home", value: "DIR", meaning: "the home of the server (VARVE_HOME)" },
  {
    name: "kubeconfig",
    value: "FILE",
    meaning: "how to reach the server (VARVE_KUBECONFIG; default: HOME/kubeconfig)",
  },
  { name: "json", meaning: "print the result as JSON" },
];

/** Flags of commands that wait until what they asked for has happened. */
export const WAITING: readonly Flag[] = [
  { name: "no-wait", meaning: "do not wait until it has happened" },
  { name: "wait", isHidden: true, meaning: "wait until it has happened" },
  { name: "timeout", value: "TIME", meaning: 'how long to wait at most (default: "10m")' },
];

export const WAIT_MS_DEFAULT = 600_000;

/** What was given for each flag, read as what it should be. Throws `Failure` for anything else. */
export class Flags {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** Whether it was given at all. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  whole(name: string, from = 0): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= from && Number.isSafeInteger(value)) return value;
    throw wrongUsage(`--${name} is "${text}": want a whole number from ${from}`);
  }

  durationMs(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const days = /^(\d+)d$/.exec(text)?.[1];
    const ms = days === undefined ? readDurationMs(text) : Number(days) * 86_400_000;
    if (ms !== undefined && ms > 0) return ms;
    throw wrongUsage(`--${name} is "${text}": want a span of time, such as "90s", "5m" or "1h"`);
  }

  oneOf<const Word extends string>(name: string, ...words: readonly Word[]): Word | undefined {
    const text = this.text(name);
    const word = words.find((it) => it === text);
    if (word !== undefined || text === undefined) return word;
    throw wrongUsage(`--${name} is "${text}": want one of ${words.join(", ")}`);
  }

  /** How long to wait, or nothing for not at all. */
  waitMs(): number | undefined {
    const ms = this.durationMs("timeout") ?? WAIT_MS_DEFAULT;
    return this.has("no-wait") ? undefined : ms;
  }
}
