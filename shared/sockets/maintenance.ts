import { z } from "zod";
import { accountName } from "../auth.ts";

/** Make a link that signs a browser in as this person. */
const browserLinkRequest = z.strictObject({
  maintain: z.literal("browser-link"),
  /** The server's URL as the person gave it. */
  url: z.url(),
  business: accountName,
  user: accountName,
});
export type BrowserLinkRequest = z.infer<typeof browserLinkRequest>;

/** Requests of commands of the server's own account over its socket, other than the sign-in. */
export const maintenanceRequest = z.discriminatedUnion("maintain", [
  /** How much the store holds. */
  z.strictObject({ maintain: z.literal("usage") }),
  /** Delete jobs, logs and artifacts older than this, a part at a time; repeat while `more` is true. */
  z.strictObject({
    maintain: z.literal("prune"),
    jobsOlderThanMs: z.number().min(0).optional(),
    logsOlderThanMs: z.number().min(0).optional(),
    artifactsOlderThanMs: z.number().min(0).optional(),
    /** Only count what would be deleted. */
    dryRun: z.boolean(),
  }),
  /** Leave the store's file unchanged for the next seconds, so it can be copied; repeat the request to extend. */
  z.strictObject({ maintain: z.literal("hold") }),
  /** The copy is complete. */
  z.strictObject({ maintain: z.literal("release") }),
  /** Read the key file again, and encrypt with its sealing key everything that is encrypted with a key of that file. */
  z.strictObject({ maintain: z.literal("reseal") }),
  browserLinkRequest,
]);
export type MaintenanceRequest = z.infer<typeof maintenanceRequest>;

/** A request that concerns the data. */
export type StoreRequest = Exclude<MaintenanceRequest, BrowserLinkRequest>;

export const browserLinkAnswer = z.object({
  /** Valid once, for a minute. */
  url: z.url(),
});
export type BrowserLinkAnswer = z.infer<typeof browserLinkAnswer>;

export const usageAnswer = z.object({
  jobs: z.int(),
  executions: z.int(),
  logBytes: z.int(),
  usedBytes: z.int(),
  freeBytes: z.int(),
  /** The objects in which files are kept, and the content in them that is in use. A server of an older version says neither. */
  packs: z.int().optional(),
  fileBytes: z.int().optional(),
});
export type UsageAnswer = z.infer<typeof usageAnswer>;

export const pruneAnswer = z.object({
  jobs: z.int(),
  logs: z.int(),
  artifacts: z.int(),
  more: z.boolean(),
});
export type PruneAnswer = z.infer<typeof pruneAnswer>;

export const holdAnswer = z.object({
  /** The file to copy. */
  file: z.string(),
});

export const resealAnswer = z.object({
  /** The server's key file; absent if it has none. */
  keyFile: z.string().optional(),
  /** Names the key that seals now, without revealing it. */
  fingerprint: z.string().optional(),
  /** The businesses with secrets. */
  dataKeys: z.int(),
  /** Those whose secrets no key of the file opens. */
  unopened: z.int(),
});
export type ResealAnswer = z.infer<typeof resealAnswer>;

export const releaseAnswer = z.object({
  /** The file did not change during the copy, so the copy is good. */
  held: z.boolean(),
});
