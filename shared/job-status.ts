import { z } from "zod";
import { executionStatuses, finalJobStatuses, jobStatuses } from "./job-state.ts";

export const jobStatus = z.enum(jobStatuses);
export const finalJobStatus = z.enum(finalJobStatuses);
/** One attempt of a job on one node. */
export const executionStatus = z.enum(executionStatuses);
