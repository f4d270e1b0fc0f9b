/** What a figure should reach. */
export type Aim = { atLeast: number } | { atMost: number };

/** One line of a table: what was measured once in each round. */
export interface Figure {
  what: string;
  unit: string;
  /** Undefined: it is there to compare others with. */
  aim?: Aim | undefined;
}

/** A figure with what each round found. Its value is the median. */
export interface Measured extends Figure {
  row: string;
  rounds: number[];
}

export function median(values: readonly number[]): number {
  const ascending = values.toSorted((a, b) => a - b);
  const middle = ascending.length >> 1;
  const upper = ascending[middle] ?? Number.NaN;
  return ascending.length % 2 === 1 ? upper : ((ascending[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest value that is not below `percent` of all. */
export function percentile(values: readonly number[], percent: number): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.max(0, Math.ceil((percent / 100) * ascending.length) - 1)] ?? Number.NaN;
}

/** Whether the median meets the aim; true without one. */
export function isMet({ aim, rounds }: Measured): boolean {
  if (!aim) return true;
  const value = median(rounds);
  return "atLeast" in aim ? value >= aim.atLeast : value <= aim.atMost;
}

export function printTable(measured: readonly Measured[]): void {
  const wide = Math.max(...measured.map(({ what }) => what.length)) + 2;
  const head = `${"what".padEnd(wide)}${"median".padStart(10)}${"least".padStart(10)}${"most".padStart(10)}`;
  console.log(`\n${head}      aim`);
  for (const one of measured) console.log(lineOf(one, wide));
}

function lineOf(one: Measured, wide: number): string {
  const { what, unit, aim, rounds } = one;
  const found = [median(rounds), Math.min(...rounds), Math.max(...rounds)];
  const numbers = found.map((value) => shown(value).padStart(10)).join("");
  const wanted = aim && ("atLeast" in aim ? `>= ${shown(aim.atLeast)}` : `<= ${shown(aim.atMost)}`);
  const judged = wanted ? `${wanted.padEnd(11)}${isMet(one) ? "met" : "MISSED"}` : "";
  return `${what.padEnd(wide)}${numbers} ${unit.padEnd(4)} ${judged}`.trimEnd();
}

function shown(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
