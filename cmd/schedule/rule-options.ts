import { z } from "zod";
import { defineOptions, optionNumber, optionText } from "../../shared/config/options.ts";
import { limits } from "../../shared/limits.ts";

/** The options that say when. */
export const ruleOptions = defineOptions({
  cron: {
    kind: "value",
    placeholder: "EXPR",
    schema: z
      .string({ error: "is missing; give a rule, as '30 2 * * *'" })
      .min(1, { error: "must not be empty" }),
    help: "Five fields: minute, hour, day of the month, month, day of the week; with a sixth before them, seconds",
  },
  tz: {
    kind: "value",
    placeholder: "ZONE",
    schema: optionText.optional(),
    defaultText: "that of this machine",
    help: "The time zone of the fields, as Europe/Berlin",
  },
});

/** The zone that is meant where none is given: the person's own. */
export function zoneOf(options: { tz?: string }): string {
  return options.tz ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** How many fires to come are listed. */
export const upcomingCount = optionNumber({ min: 1, max: limits.maxUpcomingFires, integer: true });
