/** Amounts of money are whole micro-dollars, millionths of a US dollar, so no fraction is ever lost or gained. */
export const MICRO_USD_PER_USD = 1_000_000;

/** More than anybody has, and far below the largest exact integer. */
export const MAX_MICRO_USD = 1_000_000_000 * MICRO_USD_PER_USD;

/** `$0.001234`: at least two decimal places, and up to six. */
export function formatUsd(microUsd: number): string {
  const amount = Math.abs(microUsd);
  const dollars = Math.floor(amount / MICRO_USD_PER_USD);
  const places = String(amount % MICRO_USD_PER_USD)
    .padStart(6, "0")
    .replace(/0{1,4}$/, "");
  return `${microUsd < 0 ? "-" : ""}$${dollars}.${places}`;
}

/** `12.5` or `$12.50` as micro-dollars, digit by digit; undefined for any other text. */
export function parseUsd(text: string): number | undefined {
  const [, dollars, places = ""] = /^\$?(\d{1,10})(?:\.(\d{1,6}))?$/.exec(text.trim()) ?? [];
  if (dollars === undefined) return undefined;
  const microUsd = Number(dollars) * MICRO_USD_PER_USD + Number(places.padEnd(6, "0"));
  return microUsd > MAX_MICRO_USD ? undefined : microUsd;
}
