import { z } from "zod";
import { jobId, nodeId, scheduleId, userId } from "./ids.ts";
import { jobStatus } from "./job-status.ts";
import { labels, noNul } from "./labels.ts";
import { timestamp } from "./timestamp.ts";

const MAX_GLOB_LENGTH = 400;
const MAX_SEARCH_LENGTH = 200;

/** The fields of every filter for jobs. A job must meet all fields that are given. */
export const jobFilter = {
  status: z.array(jobStatus).min(1).optional(),
  /** A name; `*` matches any characters, `?` one character, and `\` makes the next character literal. */
  name: noNul("a name").pipe(z.string().max(MAX_GLOB_LENGTH)).optional(),
  /** A part of a name; upper and lower case of A to Z are the same. */
  search: noNul("a search").pipe(z.string().min(1).max(MAX_SEARCH_LENGTH)).optional(),
  /** Jobs that ask for all these labels. */
  labels: labels().optional(),
  /** Jobs submitted at this time or later. */
  since: timestamp.optional(),
  /** Jobs submitted before this time. */
  until: timestamp.optional(),
  /** Jobs that this person submitted. */
  userId: userId.optional(),
  /** Jobs whose current or last execution is on this node. */
  nodeId: nodeId.optional(),
  /** Jobs that were made from this template, or by this schedule. */
  templateId: z.string().min(1).max(200).optional(),
  scheduleId: scheduleId.optional(),
  /** true: without the jobs of arrays; each array stands for its jobs. */
  topLevel: z.boolean().optional(),
  /** Jobs whose id starts with this. */
  idPrefix: z
    .string()
    .regex(/^job_[0-9a-z]{1,26}$/, { error: "must be the start of a job id, such as job_01" })
    .optional(),
  /** The jobs of this array, in the order of their indexes. */
  arrayId: jobId.optional(),
};
