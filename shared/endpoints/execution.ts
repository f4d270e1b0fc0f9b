import { z } from "zod";
import { execution } from "../execution.ts";
import { executionId, jobId, nodeId } from "../ids.ts";
import { executionStatus } from "../job-status.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { executionWire } from "./wire/execution.ts";

export const executionEndpoints = defineEndpoints(executionWire, {
  "executions.list": {
    right: "jobs.read",
    summary: "Executions, newest first; optionally of one job or one node.",
    input: z.strictObject({
      ...pageInput,
      jobId: jobId.optional(),
      nodeId: nodeId.optional(),
      status: z.array(executionStatus).min(1).optional(),
    }),
    output: z.object({ executions: z.array(execution), ...pageOutput }),
  },
  "executions.retrieve": {
    right: "jobs.read",
    summary: "One execution.",
    input: z.strictObject({ executionId }),
    output: execution,
  },
});
