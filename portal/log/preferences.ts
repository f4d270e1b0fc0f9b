export const TIMES = ["none", "clock", "since"] as const;
/** No times, the time of day, or the time since the attempt began to write. */
export type Times = (typeof TIMES)[number];

/** How a person likes to read logs, kept in the browser. */
export interface Preferences {
  wrap: boolean;
  times: Times;
}

const KEY = "tanvrit.log";
const USUAL: Preferences = { wrap: false, times: "none" };

export function readPreferences(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>;
    const times = TIMES.find((one) => one === kept.times) ?? USUAL.times;
    return { wrap: typeof kept.wrap === "boolean" ? kept.wrap : USUAL.wrap, times };
  } catch {
    // The browser keeps nothing for this site, or something else wrote it.
    return USUAL;
  }
}

export function keepPreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // The browser keeps nothing for this site; they hold for this page.
  }
}
