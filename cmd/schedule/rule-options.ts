import { z } from "zod";
import { defineOptions, optionNumber, optionText } from "../../shared/config/options.ts";
import { limits } from "../../shared/limits.ts";

/** The options that say when a schedule fires. */
export const ruleOptions = defineOptions({
  cron: {
    kind: "value",
    placeholder: "EXPR",
    schema: z
      .string({ error: "is missing; give a rule, like '30 2 * * *'" })
      .min(1, { error: "must not be empty" }),
    help: "Five fields: minute, hour, day of the month, month, day of the week; an optional sixth field in front is for seconds",
  },
  tz: {
    kind: "value",
    placeholder: "ZONE",
    schema: () => optionText,
    defaultText: "this machine's",
    help: "The time zone of the fields, like Europe/Berlin",
  },
});

/** The zone that was given, else the person's own. */
export function zoneOf(options: { tz?: string }): string {
  return options.tz ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** How many of the next fires are listed. */
export const upcomingCount = optionNumber({ min: 1, max: limits.maxUpcomingFires, integer: true });
