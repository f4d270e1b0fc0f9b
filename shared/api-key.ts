import { z } from "zod";
import { role } from "./auth.ts";
import { jobType } from "./job-fields.ts";
import { timestamp } from "./timestamp.ts";

/** How long a key may be valid. */
export const MAX_API_KEY_SECONDS = 10 * 366 * 86_400;
/** How many keys one person may have in a business. */
export const MAX_API_KEYS = 100;

/** The part of an API key that names it: `tnv_` and eight digits. It is no secret. */
export const apiKeyId = z.string().regex(/^tnv_[0-9a-hjkmnp-tv-z]{8}$/, {
  error: "must be the id of an API key, like tnv_4kq0x7mz",
});

/** The name of an API key, as its person chooses it. */
export const apiKeyName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._ @-]{0,63}$/, {
  error: "must be 1 to 64 letters, digits, spaces and . _ @ -, beginning with a letter or digit",
});

/** What limits a key. */
export const apiKeyLimits = {
  /** Jobs in any 60 minutes. An array counts as many as it has. */
  maxJobsPerHour: z.int().min(1).max(1_000_000).optional(),
  /** Jobs made with the key that are not over. */
  maxConcurrent: z.int().min(1).max(1_000_000).optional(),
  /** Absent: every type. */
  allowedJobTypes: z.array(jobType).min(1).max(jobType.options.length).optional(),
};

/** An API key without its secret. */
export const apiKey = z.object({
  apiKeyId,
  name: apiKeyName,
  /** Whom it acts as. */
  userId: z.string(),
  userName: z.string(),
  /** The most it may do; never more than its person may. */
  role,
  readOnly: z.boolean(),
  ...apiKeyLimits,
  createdAt: timestamp,
  /** Absent: it does not expire. */
  expiresAt: timestamp.optional(),
  /** To the minute. Absent: it was never used. */
  lastUsedAt: timestamp.optional(),
});
export type ApiKey = z.infer<typeof apiKey>;
