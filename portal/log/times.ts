import { lazily } from "../ui/lazily.ts";
import type { Times } from "./preferences.ts";

const clockFormat = lazily(
  () =>
    new Intl.DateTimeFormat(undefined, {
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      fractionalSecondDigits: 3,
      hourCycle: "h23",
    }),
);

/** The time of a line as its gutter shows it. All three values in epoch milliseconds. */
export function timeText(times: Times, atMs: number, startMs: number): string {
  if (times === "none" || !Number.isFinite(atMs)) return "";
  if (times === "clock") return clockFormat().format(atMs);
  return sinceText(atMs - startMs);
}

/** `+0.042`, `+1:02.500`, `+26:01:02.500`: the fields that count, down to milliseconds. */
export function sinceText(ms: number): string {
  const sign = ms < 0 ? "−" : "+";
  const all = Math.abs(Math.round(ms));
  const [hours, minutes] = [Math.floor(all / 3_600_000), Math.floor(all / 60_000) % 60];
  const seconds = (all % 60_000) / 1_000;
  const padded = seconds.toFixed(3).padStart(6, "0");
  if (hours > 0) return `${sign}${hours}:${String(minutes).padStart(2, "0")}:${padded}`;
  if (minutes > 0) return `${sign}${minutes}:${padded}`;
  return `${sign}${seconds.toFixed(3)}`;
}
