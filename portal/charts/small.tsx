import { type Tone, variableOf } from "./shades.ts";
import type { Values } from "./stack.ts";

interface MeterProps {
  /** What is used, for people who cannot see it. */
  label: string;
  value: number;
  /** All there is. */
  max: number;
  /** The values in words, such as "3 of 8". */
  text: string;
  tone?: Tone;
}

/** How much of something is used: a bar with its words. */
export function Meter({ label, value, max, text, tone = "1" }: MeterProps) {
  const share = max > 0 ? Math.min(1, Math.max(0, value / max)) : 0;
  return (
    <div class="meter">
      <span class="spoken">{label}: </span>
      <div class="bar" aria-hidden="true">
        <span style={{ width: `${share * 100}%`, background: variableOf(tone) }} />
      </div>
      <span class="number quiet">{text}</span>
    </div>
  );
}

interface SparklineProps {
  /** What it says in words, such as "load: 20 % to 80 %, now 45 %". */
  label: string;
  values: Values;
  tone?: Tone;
  /** The highest value of its axis; absent: the highest of the values. */
  max?: number;
}

const WIDTH = 100;
const HEIGHT = 24;

/** A small line beside other text, without axes. Gaps stay open. */
export function Sparkline({ label, values, tone = "1", max }: SparklineProps) {
  const top = Math.max(max ?? 0, ...values.map((value) => value ?? 0)) || 1;
  const step = WIDTH / Math.max(1, values.length - 1);
  let path = "";
  values.forEach((value, i) => {
    if (typeof value !== "number") return;
    const isOpen = i > 0 && typeof values[i - 1] === "number";
    const y = HEIGHT - 1 - (value / top) * (HEIGHT - 2);
    path += `${isOpen ? "L" : "M"}${(i * step).toFixed(1)} ${y.toFixed(1)}${isOpen ? "" : "h.01"}`;
  });
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img">
      <title>{label}</title>
      <path d={path} style={{ stroke: variableOf(tone) }} />
    </svg>
  );
}
