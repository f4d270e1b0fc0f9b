import { z } from "zod";
import { idSchema } from "./id-schema.ts";
import { pool } from "./job-fields.ts";
import { labels } from "./labels.ts";
import { timestamp } from "./timestamp.ts";

export const enrolmentId = idSchema("enr");

export const MAX_ENROLMENT_USES = 1_000;
export const MAX_ENROLMENT_SECONDS = 30 * 24 * 3_600;

/** An enrolment token as the API shows it, without its secret. */
export const enrolment = z.object({
  enrolmentId,
  /** How many machines may register with it, and how many have. */
  uses: z.int(),
  used: z.int(),
  /** What it grants to each node. */
  pool: pool().unwrap().optional(),
  labels: labels(),
  createdAt: timestamp,
  createdBy: z.string().optional(),
  expiresAt: timestamp,
  lastUsedAt: timestamp.optional(),
  revokedAt: timestamp.optional(),
});
export type Enrolment = z.infer<typeof enrolment>;

/** Begins every enrolment token: `tnve_<digits of its id>_<secret>`. */
export const ENROLMENT_TOKEN_PREFIX = "tnve_";
