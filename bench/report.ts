/** Prints one claim on one line, such as "store: list of 10,000: 0.4 ms, 0.1 x a scan". */
export function claim(room: string, text: string): void {
  process.stdout.write(`${room}: ${text}\n`);
}

/** "31,000": as many digits as are worth reading. */
export function rounded(value: number): string {
  if (value < 10) return value.toFixed(2);
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return (Math.round(value / step) * step).toLocaleString("en-US");
}

/** How many times `one` is of `other`: "6.1 x". */
export function times(one: number, other: number): string {
  const ratio = one / other;
  return `${ratio < 10 ? ratio.toPrecision(2) : Math.round(ratio)} x`;
}

/** How long `act` takes, in milliseconds. */
export async function elapsedMs(act: () => unknown): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

/**
 * Runs measurements in turn, all of them once before any of them again, so that what else the
 * machine does meets all alike. Answers with the median of each.
 */
export async function inTurn<Names extends string>(
  rounds: number,
  measures: Readonly<Record<Names, () => Promise<number>>>,
): Promise<Readonly<Record<Names, number>>> {
  const names = Object.keys(measures) as Names[];
  const results = names.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, name] of names.entries()) results[index]?.push(await measures[name]());
  }
  const medians = results.map((it) => it.sort((one, other) => one - other)[it.length >> 1] ?? 0);
  const named = names.map((name, index) => [name, medians[index] ?? 0] as const);
  return Object.fromEntries(named) as Record<Names, number>;
}
