import { type Tone, variableOf } from "./shades.ts";

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
