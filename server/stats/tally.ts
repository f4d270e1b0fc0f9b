/**
 * What happened in a stretch of time, as numbers that can be added: the tallies of two servers, or of two stretches, make
 * one by `addTally`.
 */
export interface Tally {
  /** Numbers that add up. */
  sums: Record<string, number>;
  /** Numbers of which the highest counts. */
  peaks: Record<string, number>;
}

export function newTally(): Tally {
  return { sums: {}, peaks: {} };
}

export function addTally(to: Tally, more: Tally): void {
  for (const [name, value] of Object.entries(more.sums)) count(to, name, value);
  for (const [name, value] of Object.entries(more.peaks)) peak(to, name, value);
}

export function count({ sums }: Tally, name: string, value = 1): void {
  sums[name] = (sums[name] ?? 0) + value;
}

export function peak({ peaks }: Tally, name: string, value: number): void {
  peaks[name] = Math.max(peaks[name] ?? value, value);
}

/** Waits are counted in bins whose bounds grow by this factor, so that a percentile is off by at most a tenth. */
const BIN_FACTOR = 2 ** (1 / 4);
const BIN_PREFIX = "wait";

/** The name of the sum that counts waits of about this long. */
export function waitBin(waitMs: number): string {
  return `${BIN_PREFIX}${Math.round(Math.log(Math.max(1, waitMs)) / Math.log(BIN_FACTOR))}`;
}

/** The wait, in milliseconds, that this share of the waits did not exceed; undefined: there were none. */
export function waitPercentile({ sums }: Tally, share: number): number | undefined {
  const bins = Object.entries(sums)
    .filter(([name]) => name.startsWith(BIN_PREFIX))
    .map(([name, waits]) => ({ bin: Number(name.slice(BIN_PREFIX.length)), waits }))
    .sort((a, b) => a.bin - b.bin);
  const all = bins.reduce((sum, { waits }) => sum + waits, 0);
  let seen = 0;
  for (const { bin, waits } of bins) {
    seen += waits;
    if (seen >= all * share) return BIN_FACTOR ** bin;
  }
  return undefined;
}
