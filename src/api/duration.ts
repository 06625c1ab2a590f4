const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  // The sign for micro, and the Greek letter: both are in use.
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const NUMBER = String.raw`(?:\d+(?:\.\d*)?|\.\d+)`;
const UNIT = "(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h)";
const WHOLE = new RegExp(`^([+-]?)(0|(?:${NUMBER}${UNIT})+)$`);
const PART = new RegExp(`(${NUMBER})(${UNIT})`, "g");

/** As much as 64 bits of nanoseconds hold, which is all that Go can read: 292 years. */
const MS_MAX = 2 ** 63 / 1e6;

/** The milliseconds that a duration in Go's notation means ("1m30s", "0", "250ms"), or nothing. */
export function readDurationMs(text: string): number | undefined {
  const [, sign, body] = WHOLE.exec(text) ?? [];
  if (body === undefined) return undefined;
  const parts = [...body.matchAll(PART)];
  const sum = parts.reduce((ms, [, digits, unit = ""]) => ms + Number(digits) * unitMs(unit), 0);
  if (sum > MS_MAX) return undefined;
  // To whole nanoseconds: "1.1m" is 66 seconds, and nothing beside.
  const ms = Math.round(sum * 1e6) / 1e6;
  return sign === "-" && ms !== 0 ? -ms : ms;
}

function unitMs(unit: string): number {
  return UNITS[unit] ?? 0;
}

/** How kubectl writes a span of time: "45s", "5m30s", "3h2m", "12d". */
export function writeAge(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  // Clocks may differ a little.
  if (seconds < -1) return "<invalid>";
  if (seconds < 120) return `${Math.max(0, seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return both(`${minutes}m`, seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return both(`${hours}h`, minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return both(`${days}d`, hours % 24, "h");
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? both(`${years}y`, days % 365, "d") : `${years}y`;
}

function both(large: string, count: number, unit: string): string {
  return count === 0 ? large : `${large}${count}${unit}`;
}
