const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g;

/** The milliseconds that a duration in Go's notation means ("1m30s", "0", "250ms"), or nothing. */
export function readDurationMs(text: string): number | undefined {
  const [, sign, body = ""] = /^([+-]?)(.+)$/.exec(text) ?? [];
  if (body === "0") return 0;
  const parts = [...body.matchAll(PART)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join("") === body;
  if (!isWhole) return undefined;
  const ms = parts.reduce((sum, [, digits, unit = ""]) => sum + Number(digits) * unitMs(unit), 0);
  return sign === "-" ? -ms : ms;
}

function unitMs(unit: string): number {
  return UNITS[unit] ?? 0;
}

/** How kubectl writes a span of time: "45s", "5m30s", "3h2m", "12d". Never negative. */
export function writeAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return both(`${minutes}m`, `${seconds % 60}s`);
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return both(`${hours}h`, `${minutes % 60}m`);
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return both(`${days}d`, `${hours % 24}h`);
  if (days < 730) return `${days}d`;
  return both(`${Math.floor(days / 365)}y`, `${days % 365}d`);
}

function both(large: string, small: string): string {
  return small.startsWith("0") ? large : `${large}${small}`;
}
