import { z } from "zod";
import { timestamp } from "./execution.ts";
import { jobId } from "./ids.ts";
import { jobStatus } from "./job-state.ts";
import { labels, noNul } from "./labels.ts";

const MAX_GLOB_LENGTH = 400;

/** The fields that choose jobs, wherever several are listed or changed. A job must meet all that are given. */
export const jobFilter = {
  status: z.array(jobStatus).min(1).optional(),
  /** A name; `*` stands for any characters, `?` for one, and `\` takes the next as it is. */
  name: noNul("a name").pipe(z.string().max(MAX_GLOB_LENGTH)).optional(),
  /** Jobs that ask for all of these labels. */
  labels: labels.optional(),
  /** Jobs submitted at this time or later. */
  since: timestamp.optional(),
  /** Jobs whose id begins so. */
  idPrefix: z
    .string()
    .regex(/^job_[0-9a-z]{1,26}$/, { error: "must be the beginning of a job id, as job_01" })
    .optional(),
  /** The jobs of this array; they come in the order of its indexes. */
  arrayId: jobId.optional(),
};
