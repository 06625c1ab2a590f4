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

const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/;

/** The number that a Kubernetes quantity means ("500m" is 0.5, "64Mi" 67108864), or nothing. */
export function readQuantity(quantity: number | string): number | undefined {
  const [whole, digits, exponent, suffix = ""] = QUANTITY.exec(String(quantity)) ?? [];
  if (whole === undefined) return undefined;
  const scale = exponent === undefined ? SUFFIXES[suffix] : 10 ** Number(exponent);
  const value = Number(digits) * (scale ?? 1);
  return Number.isFinite(value) ? value : undefined;
}
