export const MIB = 1024 * 1024;
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Formats a number of bytes for people: `1.5 MiB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const shown = unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1));
  return `${shown} ${unit === 0 && shown === 1 ? "byte" : UNITS[unit]}`;
}
