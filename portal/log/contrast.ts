/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

/** `--card`, the ground of the log, in both themes. */
export const GROUNDS = { light: [255, 255, 255], dark: [22, 25, 30] } as const satisfies Record<string, Rgb>;
/** WCAG AA for text of this size. */
const ENOUGH = 4.5;
const STEPS = 24;

/** The 16 colours of a terminal, for a text on a coloured ground. Their usual places are in `log.css`. */
const BASE: Record<string, Rgb> = {
  "ansi-black": [36, 41, 47],
  "ansi-red": [193, 40, 51],
  "ansi-green": [32, 128, 68],
  "ansi-yellow": [222, 176, 42],
  "ansi-blue": [38, 98, 201],
  "ansi-magenta": [146, 62, 179],
  "ansi-cyan": [25, 137, 153],
  "ansi-white": [208, 213, 221],
  "ansi-bright-black": [104, 112, 124],
  "ansi-bright-red": [240, 92, 98],
  "ansi-bright-green": [82, 184, 112],
  "ansi-bright-yellow": [243, 211, 90],
  "ansi-bright-blue": [108, 158, 248],
  "ansi-bright-magenta": [204, 132, 230],
  "ansi-bright-cyan": [90, 196, 208],
  "ansi-bright-white": [255, 255, 255],
};

/** The colour that `Style` names, as red, green and blue; undefined if it is not one. */
export function rgbOf(colour: string): Rgb | undefined {
  const base = BASE[colour];
  if (base) return base;
  const palette = /^ansi-palette-(\d+)$/.exec(colour)?.[1];
  if (palette !== undefined) return paletteColour(Number(palette));
  const parts = colour.split(",").map(Number);
  const [red, green, blue] = parts;
  if (parts.length !== 3 || parts.some((part) => !Number.isFinite(part))) return undefined;
  return [red ?? 0, green ?? 0, blue ?? 0];
}

/** The same colour, made darker or lighter until it can be read on this ground. */
export function readableOn(colour: Rgb, ground: Rgb): Rgb {
  const target: Rgb = luminance(ground) > 0.18 ? [0, 0, 0] : [255, 255, 255];
  for (let step = 0; step <= STEPS; step++) {
    const mixed = mix(colour, target, step / STEPS);
    if (contrast(mixed, ground) >= ENOUGH) return mixed;
  }
  return target;
}

export function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** As CSS. */
export function cssOf([red, green, blue]: Rgb): string {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;
}

/** The colours 16 to 231 are a cube, the rest is grey. */
function paletteColour(index: number): Rgb {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return [grey, grey, grey];
  }
  const level = (of: number) => (of === 0 ? 0 : 55 + of * 40);
  const at = index - 16;
  return [level(Math.floor(at / 36)), level(Math.floor(at / 6) % 6), level(at % 6)];
}

function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function mix(from: Rgb, to: Rgb, part: number): Rgb {
  const at = (i: 0 | 1 | 2) => from[i] + (to[i] - from[i]) * part;
  return [at(0), at(1), at(2)];
}
