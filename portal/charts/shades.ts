/** The colours that a chart may have. Numbers are for series without a meaning of their own. */
export type Tone = "good" | "busy" | "warn" | "bad" | "still" | "1" | "2" | "3" | "4" | "5";
export type Shade = Tone | "text" | "line";

const VARIABLES: Readonly<Record<Shade, string>> = {
  ...{ good: "--chart-good", busy: "--chart-1", warn: "--chart-warn", bad: "--chart-bad" },
  ...{ still: "--chart-still", text: "--quiet", line: "--line" },
  ...{ 1: "--chart-1", 2: "--chart-2", 3: "--chart-3", 4: "--chart-4", 5: "--chart-5" },
};
const UNNAMED: readonly Tone[] = ["1", "2", "3", "4", "5"];
/** Lines differ by more than their colour. */
const DASHES = [[], [6, 3], [2, 2], [9, 3, 2, 3], [12, 4]];

/** The colour of the series at this place that has none of its own. */
export function toneAt(place: number): Tone {
  return UNNAMED[place % UNNAMED.length] ?? "1";
}

export function dashOf(place: number): number[] {
  return DASHES[place % DASHES.length] ?? [];
}

/** As CSS writes it. */
export function variableOf(shade: Shade): string {
  return `var(${VARIABLES[shade]})`;
}

/** What a canvas understands, in the theme of `near` now. `share` of the colour, the rest is transparent. */
export function colourOf(shade: Shade, near: HTMLElement, share = 1): string {
  const probe = near.ownerDocument.createElement("i");
  probe.style.color = `color-mix(in srgb, ${variableOf(shade)} ${share * 100}%, transparent)`;
  near.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
