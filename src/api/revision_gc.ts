import type { Configuration } from "./configuration.ts";
import { readDurationMs } from "./duration.ts";
import { brief } from "./error.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import type { ObjectKey } from "./meta.ts";
import type { Revision } from "./revision.ts";
import { checkKeys, readCount, type Settings, SettingsError } from "./settings.ts";

/** When a Revision that serves nobody may go (spec/elafros §4.11). Infinity: that never counts. */
export interface GcSettings {
  readonly sinceCreateMs: number;
  readonly sinceLastActiveMs: number;
  readonly nonActiveMin: number;
  readonly nonActiveMax: number;
}

export const GC_DEFAULTS: GcSettings = {
  sinceCreateMs: 48 * 3_600_000,
  sinceLastActiveMs: 15 * 3_600_000,
  nonActiveMin: 20,
  nonActiveMax: 1000,
};

/** The ConfigMap that says otherwise, under the keys that Knative's has. */
export const GC_CONFIG: ObjectKey = { namespace: "varve-system", name: "config-gc" };

const DISABLED = "disabled";
const NEVER = Infinity;

const MIN_KEY = "min-non-active-revisions";
const MAX_KEY = "max-non-active-revisions";
const KEYS: readonly string[] = [
  ...["retain-since-create-time", "retain-since-last-active-time", MIN_KEY, MAX_KEY],
];
const COUNTS = { from: 0, to: 999_999_999 };

/** Reads the settings, with the usual ones for what is not said. Throws `SettingsError`. */
export function readGcSettings(data: Settings = {}): GcSettings {
  checkKeys(data, KEYS);
  const { sinceCreateMs, sinceLastActiveMs, nonActiveMin, nonActiveMax } = GC_DEFAULTS;
  const settings: GcSettings = {
    sinceCreateMs: readAge(data, "retain-since-create-time") ?? sinceCreateMs,
    sinceLastActiveMs: readAge(data, "retain-since-last-active-time") ?? sinceLastActiveMs,
    nonActiveMin: readCount(data, MIN_KEY, COUNTS) ?? nonActiveMin,
    nonActiveMax:
      data[MAX_KEY] === DISABLED ? NEVER : (readCount(data, MAX_KEY, COUNTS) ?? nonActiveMax),
  };
  if (settings.nonActiveMin <= settings.nonActiveMax) return settings;
  const said = `${settings.nonActiveMin}, more than the maximum of ${settings.nonActiveMax}`;
  throw new SettingsError(`min-non-active-revisions is ${said}`);
}

function readAge(data: Settings, key: string): number | undefined {
  const text = data[key];
  if (text === undefined) return undefined;
  if (text === DISABLED) return NEVER;
  const ms = readDurationMs(text);
  if (ms !== undefined && ms >= 0) return ms;
  throw new SettingsError(`${key} is "${brief(text)}": want a span such as 48h, or ${DISABLED}`);
}

/** What becomes of a Revision, and why. */
export interface Fate {
  readonly revision: Revision;
  readonly isCollected: boolean;
  /** For people: "is older than 48h0m0s, and was last active more than …". */
  readonly why: string;
}

export interface FateOptions {
  readonly settings: GcSettings;
  readonly nowMs: number;
}

/** The fate of every Revision of a Configuration; first those kept whatever their age. */
export function fatesOf(
  configuration: Configuration,
  revisions: readonly Revision[],
  { settings, nowMs }: FateOptions,
): readonly Fate[] {
  const reasons = new Map(revisions.map((it) => [it, whyActive(it, configuration)]));
  const active = revisions.filter((it) => reasons.get(it) !== undefined);
  const idle = revisions
    .filter((it) => reasons.get(it) === undefined)
    .toSorted((one, other) => lastActiveMs(one) - lastActiveMs(other));
  const { nonActiveMin, nonActiveMax } = settings;
  const few = `no more than ${nonActiveMin} that serve nobody are kept in any case`;
  const isFew = revisions.length <= nonActiveMin || idle.length <= nonActiveMin;
  let left = idle.length;
  const fates = idle.map((revision): Fate => {
    const isSpare = !isFew && left > nonActiveMin;
    const isStale = isSpare && isOld(revision, settings, nowMs);
    const isOver = isSpare && left > nonActiveMax;
    if (isStale || isOver) left -= 1;
    const why = isStale
      ? "it serves nobody, and is past its time"
      : isOver
        ? `more than ${nonActiveMax} that serve nobody are too many`
        : isSpare
          ? "its time is not over"
          : few;
    return { revision, isCollected: isStale || isOver, why };
  });
  const kept = active.map((revision): Fate => {
    return { revision, isCollected: false, why: reasons.get(revision) ?? "" };
  });
  return [...kept, ...fates];
}

/** Why it is kept whatever its age, when it is. */
function whyActive({ metadata }: Revision, { status }: Configuration): string | undefined {
  const { name, labels = {}, annotations = {} } = metadata;
  const state = labels[LABEL.routingState];
  if (annotations[ANNOTATION.noGc] === "true") return `it is annotated ${ANNOTATION.noGc}`;
  if (state === "active")
    return `it is routed to by ${annotations[ANNOTATION.routes] ?? "a Route"}`;
  if (name === status?.latestReadyRevisionName) return "it is the latest that is ready";
  if (name === status?.latestCreatedRevisionName) return "it is the latest";
  return state === "reserve" ? undefined : "it is new";
}

/** Both times must be over; one that is disabled does not count, and both together never are. */
function isOld(revision: Revision, settings: GcSettings, nowMs: number): boolean {
  const spans = [
    [Date.parse(revision.metadata.creationTimestamp), settings.sinceCreateMs],
    [lastActiveMs(revision), settings.sinceLastActiveMs],
  ].filter(([, spanMs]) => spanMs !== NEVER);
  return spans.length > 0 && spans.every(([fromMs = 0, spanMs = 0]) => nowMs - fromMs >= spanMs);
}

function lastActiveMs({ metadata }: Revision): number {
  const { [ANNOTATION.routingStateModified]: at } = metadata.annotations ?? {};
  return Date.parse(at ?? metadata.creationTimestamp);
}
