import { z } from "zod";
import { execution } from "../execution.ts";
import { executionId, jobId, nodeId } from "../ids.ts";
import { executionStatus } from "../job-state.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";

export const executionEndpoints = defineEndpoints({
  "executions.list": {
    method: "POST",
    path: "/api/compute/executions/list",
    callers: ["user"],
    right: "jobs.read",
    summary: "Executions, newest first; optionally of one job or one node.",
    input: z.strictObject({
      ...pageInput,
      jobId: jobId.optional(),
      nodeId: nodeId.optional(),
      status: z.array(executionStatus).min(1).optional(),
    }),
    output: z.object({ executions: z.array(execution), ...pageOutput }),
    errors: [],
    repeatable: true,
  },
  "executions.retrieve": {
    method: "POST",
    path: "/api/compute/executions/retrieve",
    callers: ["user"],
    right: "jobs.read",
    summary: "One execution.",
    input: z.strictObject({ executionId }),
    output: execution,
    errors: ["not_found"],
    repeatable: true,
  },
});
