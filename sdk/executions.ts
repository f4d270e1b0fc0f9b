import type { Execution } from "../shared/execution.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

export type ExecutionFilter = ListFilter<"executions.list">;

/**
 * Executions: the attempts of jobs on nodes.
 *
 * @example
 * for await (const { attempt, status, exitCode } of compute.executions.list({ jobId })) console.log(attempt, status, exitCode);
 */
export class Executions {
  constructor(private readonly client: ComputeClient) {}

  /** Lists executions, newest first. */
  list(filter: ExecutionFilter = {}, options: Patience = {}): AsyncGenerator<Execution, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { executions, nextCursor } = await call("executions.list", where);
      return { rows: executions, nextCursor };
    });
  }

  /** Throws `not_found` if there is no such execution. */
  retrieve(executionId: string, options: Patience = {}): Promise<Execution> {
    return callPatiently(this.client, "executions.retrieve", { executionId }, options);
  }
}
