export type Values = readonly (number | null | undefined)[];

/** Each series on top of those before it. A moment without any value stays empty; else a missing value counts as 0. */
export function stack(series: readonly Values[], length: number): (number | null)[][] {
  const sums = new Array<number | null>(length).fill(null);
  return series.map((values) => {
    for (let i = 0; i < length; i++) {
      const value = values[i];
      const below = sums[i] ?? null;
      if (value !== null && value !== undefined) sums[i] = (below ?? 0) + value;
      else if (below === null && series.some((other) => typeof other[i] === "number")) sums[i] = 0;
    }
    return [...sums];
  });
}

/** The values that stand alone between gaps: a line would not show them. */
export function lonely(values: Values): number[] {
  const isGap = (i: number) => values[i] === null || values[i] === undefined;
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) if (!isGap(i) && isGap(i - 1) && isGap(i + 1)) found.push(i);
  return found;
}
