import { z } from "zod";
import { secretName } from "./job-files.ts";
import { timestamp } from "./timestamp.ts";

/** The largest value of a secret. */
export const MAX_SECRET_BYTES = 64 * 1024;
/** The most secrets of a business. */
export const MAX_SECRETS = 1_000;

/** How long a secret may be set to last. */
export const MAX_SECRET_TTL_SECONDS = 31_536_000;

/** What the API says about a secret. It never says the value. */
export const secretFacts = z.object({
  name: secretName(),
  /** 1 for the first value; each new value adds 1. */
  version: z.int().min(1),
  createdAt: timestamp,
  /** When the value was last set. */
  updatedAt: timestamp,
  /** The name of the user who set it; the id, if that user has left the business. */
  updatedBy: z.string(),
  /** When it is removed; absent: it stays. */
  expiresAt: timestamp.optional(),
});
export type SecretFacts = z.infer<typeof secretFacts>;

/** A value in base64. The messages never repeat it. */
export const secretValue = z
  .base64({ error: "must be base64" })
  .min(1, { error: "is empty; a secret has at least one byte" })
  .max(4 * Math.ceil(MAX_SECRET_BYTES / 3), { error: `is larger than ${MAX_SECRET_BYTES / 1024} KiB` });
