import { brief } from "./error.ts";

/** What a ConfigMap of ours says, by key. */
export type Settings = Readonly<Record<string, string>>;

/** A setting that cannot be read. The message names the key, the value and the rule. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** Throws `SettingsError` for a key that means nothing here. */
export function checkKeys(said: Settings, known: readonly string[]): void {
  // Knative ships its ConfigMaps with an example of every key, under this name.
  const unknown = Object.keys(said).find((key) => !known.includes(key) && key !== "_example");
  if (unknown === undefined) return;
  throw new SettingsError(`"${brief(unknown)}" is no setting: there are ${known.join(", ")}`);
}

/** A whole number, or nothing when there is none under the key. Throws `SettingsError`. */
export function readCount(
  said: Settings,
  key: string,
  { from, to }: { readonly from: number; readonly to: number },
): number | undefined {
  const text = said[key];
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  const want = `want a whole number from ${from} to ${to}`;
  throw new SettingsError(`${key} is "${brief(text)}": ${want}`);
}

/** What is stored was readable when it was written; where it is not, the usual holds. */
export function readOr<T>(read: (said: Settings | undefined) => T, said: Settings | undefined): T {
  try {
    return read(said);
  } catch (thrown) {
    if (thrown instanceof SettingsError) return read(undefined);
    throw thrown;
  }
}
