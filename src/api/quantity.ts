const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Longer ones say nothing that could be had, and cost more to read the longer they are. */
const CHARS_MAX = 64;
const QUANTITY =
  /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:([eE])([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/;

interface Parts {
  readonly sign: string;
  readonly whole: string;
  readonly fraction: string;
  /** "e" or "E" when the quantity is written with one, and then its power of ten. */
  readonly e: string | undefined;
  readonly power: number;
  readonly suffix: string;
}

/** The number that a Kubernetes quantity means ("500m" is 0.5, "64Mi" 67108864), or nothing. */
export function readQuantity(quantity: number | string): number | undefined {
  const parts = partsOf(quantity);
  if (parts === undefined) return undefined;
  const { sign, whole, fraction, e, power, suffix } = parts;
  const digits = `${sign}${whole || "0"}.${fraction || "0"}`;
  if (e !== undefined) return Number(`${digits}e${power}`);
  return Number(digits) * (SUFFIXES[suffix] ?? 1);
}

const NANO = 9;
/** As much as 64 bits hold, which is the most that a quantity says. */
const MOST = (2n ** 63n - 1n) * 10n ** 9n;
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;
const DECIMAL = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"] as const;

/**
 * The one way to write a quantity, so that "1000m", "1.0" and 1 are the same: as Kubernetes'
 * own clients write it when they send back what they were given. What is none stays as it is.
 */
export function normalQuantity(quantity: number | string): number | string {
  const parts = partsOf(quantity);
  if (parts === undefined) return quantity;
  const nanos = nanosOf(parts);
  const sign = parts.sign === "-" && nanos !== 0n ? "-" : "";
  const isBinary = parts.suffix.endsWith("i") && nanos >= 1024n * 10n ** 9n;
  if (isBinary) return `${sign}${written(ceilDivided(nanos, 10n ** 9n), 1024n, BINARY)}`;
  if (parts.e === undefined) return `${sign}${written(nanos, 1000n, DECIMAL)}`;
  const [, digits = "0", unit = ""] = /^(\d+)(.*)$/.exec(written(nanos, 1000n, DECIMAL)) ?? [];
  const power = (DECIMAL.indexOf(unit as (typeof DECIMAL)[number]) - 3) * 3;
  return `${sign}${digits}${power === 0 ? "" : `e${power}`}`;
}

function partsOf(quantity: number | string): Parts | undefined {
  const text = String(quantity).trim();
  if (text.length > CHARS_MAX) return undefined;
  const [all, sign = "", whole = "", after, before, e, power = "0", suffix = ""] =
    QUANTITY.exec(text) ?? [];
  if (all === undefined) return undefined;
  return { sign, whole, fraction: after ?? before ?? "", e, power: Number(power), suffix };
}

/** In billionths, rounded up: nothing smaller is kept. */
function nanosOf({ whole, fraction, e, power, suffix }: Parts): bigint {
  const digits = BigInt(`${whole}${fraction}` || "0");
  const binary = BINARY.indexOf(suffix as (typeof BINARY)[number]);
  const decimal = DECIMAL.indexOf(suffix as (typeof DECIMAL)[number]);
  const tens = e === undefined ? Math.max(0, decimal) * 3 - (decimal < 0 ? 0 : NANO) : power;
  const shift = tens + NANO - fraction.length;
  const scaled = digits * (binary > 0 ? 1024n ** BigInt(binary) : 1n);
  const nanos =
    shift >= 0 ? scaled * 10n ** BigInt(shift) : ceilDivided(scaled, 10n ** BigInt(-shift));
  return nanos > MOST ? MOST : nanos;
}

function ceilDivided(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

/** With the largest unit of which it is a whole number. */
function written(value: bigint, step: bigint, units: readonly string[]): string {
  if (value === 0n) return "0";
  let rest = value;
  let unit = 0;
  while (rest % step === 0n && unit < units.length - 1) {
    rest /= step;
    unit += 1;
  }
  return `${rest}${units[unit]}`;
}
