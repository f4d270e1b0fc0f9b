import { z } from "zod";

/** What the commands of the server's own account ask of it over its socket, beside the sign-in. */
export const maintenanceRequest = z.discriminatedUnion("maintain", [
  /** How much the store holds. */
  z.strictObject({ maintain: z.literal("usage") }),
  /** Delete what ended so long ago; some of it, to be asked again while there is more. */
  z.strictObject({
    maintain: z.literal("prune"),
    jobsOlderThanMs: z.number().min(0).optional(),
    logsOlderThanMs: z.number().min(0).optional(),
    /** Only count what would go. */
    dryRun: z.boolean(),
  }),
  /** Leave the file of the store as it is for the next seconds, so that it can be copied; asked again, for longer. */
  z.strictObject({ maintain: z.literal("hold") }),
  /** The copy is made. */
  z.strictObject({ maintain: z.literal("release") }),
]);
export type MaintenanceRequest = z.infer<typeof maintenanceRequest>;

export const usageAnswer = z.object({
  jobs: z.int(),
  executions: z.int(),
  logBytes: z.int(),
  usedBytes: z.int(),
  freeBytes: z.int(),
});
export type UsageAnswer = z.infer<typeof usageAnswer>;

export const pruneAnswer = z.object({ jobs: z.int(), logs: z.int(), more: z.boolean() });
export type PruneAnswer = z.infer<typeof pruneAnswer>;

export const holdAnswer = z.object({
  /** The file to copy. */
  file: z.string(),
});

export const releaseAnswer = z.object({
  /** The file was left alone all the time: the copy is good. */
  held: z.boolean(),
});
