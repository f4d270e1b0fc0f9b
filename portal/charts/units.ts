import { bytesText, formatUsd } from "../../sdk/index.ts";
import { durationText } from "../ui/duration.ts";
import { lazily } from "../ui/lazily.ts";

/** How the values of a chart are written, and where its axis has lines. */
export interface Unit {
  text(value: number): string;
  /** Distances between the lines of the axis, from small to large. */
  steps?: number[];
  /** The axis reaches at least this far, so that small values do not look large. */
  atLeast?: number;
}

const KIBI = 1_024;
/** Up to pebibytes. */
const BYTE_POWERS = 6;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const numberFormat = lazily(() => new Intl.NumberFormat("en", { maximumFractionDigits: 2 }));
const compactFormat = lazily(
  () => new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }),
);
const LARGE = 10_000;
const MICRO_USD_PER_USD = 1_000_000;

function decimalSteps(from: number, to: number): number[] {
  const steps: number[] = [];
  for (let power = from; power <= to; power++) {
    for (const digit of [1, 2, 5]) steps.push(Number((digit * 10 ** power).toPrecision(1)));
  }
  return steps;
}

function byteSteps(): number[] {
  return Array.from({ length: BYTE_POWERS }, (_, power) =>
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((n) => n * KIBI ** power),
  ).flat();
}

export const units = {
  /** Whole things, such as jobs. */
  count: { text: countText, steps: decimalSteps(0, 9), atLeast: 1 },
  /** Any number, such as load or cores. */
  number: { text: (value) => numberFormat().format(value), atLeast: 1 },
  /** 1 is 100 %. */
  share: { text: (value) => `${numberFormat().format(Math.round(value * 1_000) / 10)} %`, atLeast: 1 },
  bytes: { text: bytesText, steps: byteSteps(), atLeast: 1_024 ** 2 },
  /** Mebibytes. */
  mib: { text: (value) => bytesText(value * KIBI ** 2), steps: byteSteps(), atLeast: 1 },
  seconds: {
    text: secondsText,
    steps: [
      ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE],
      ...[30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY],
    ],
    atLeast: 1,
  },
  /** US dollars. */
  usd: { text: (value) => formatUsd(Math.round(value * MICRO_USD_PER_USD)), atLeast: 0.01 },
} satisfies Record<string, Unit>;

/** `12`, `9,999`, `12.3K`. */
export function countText(value: number): string {
  return value < LARGE ? numberFormat().format(value) : compactFormat().format(value);
}

/** `1 min 30 s`, but `2 min`: round times are common at an axis. */
function secondsText(value: number): string {
  return value === 0
    ? "0 s"
    : durationText(value * 1_000)
        .replace(/(?<= (?:min|h|d)) 0 \w+$/, "")
        .replace(".0 s", " s");
}
