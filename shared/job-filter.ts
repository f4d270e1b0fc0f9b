import { z } from "zod";
import { timestamp } from "./execution.ts";
import { jobId } from "./ids.ts";
import { jobStatus } from "./job-status.ts";
import { labels, noNul } from "./labels.ts";

const MAX_GLOB_LENGTH = 400;

/** The fields of every filter for jobs. A job must meet all fields that are given. */
export const jobFilter = {
  status: z.array(jobStatus).min(1).optional(),
  /** A name; `*` matches any characters, `?` one character, and `\` makes the next character literal. */
  name: noNul("a name").pipe(z.string().max(MAX_GLOB_LENGTH)).optional(),
  /** Jobs that ask for all these labels. */
  labels: labels.optional(),
  /** Jobs submitted at this time or later. */
  since: timestamp.optional(),
  /** Jobs whose id starts with this. */
  idPrefix: z
    .string()
    .regex(/^job_[0-9a-z]{1,26}$/, { error: "must be the start of a job id, such as job_01" })
    .optional(),
  /** The jobs of this array, in the order of their indexes. */
  arrayId: jobId.optional(),
};
