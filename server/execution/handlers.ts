import { ComputeError } from "../../shared/errors.ts";
import { executionId } from "../../shared/ids.ts";
import { businessOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { readPage } from "../http/page.ts";
import type { RunStore } from "../workflow/run-store.ts";
import type { ExecutionStore } from "./execution-store.ts";
import { executionView } from "./execution-view.ts";

/** Counts the stored log lines of an execution. */
export type CountLogLines = (executionId: string) => Promise<number>;

export function executionHandlers(
  executions: ExecutionStore,
  countLogLines: CountLogLines,
  runs: Pick<RunStore, "find">,
): Pick<Handlers, "executions.list" | "executions.retrieve"> {
  return {
    "executions.list": async ({ jobId, nodeId, status, ...page }, context) => {
      const filter = { businessId: businessOf(context), jobId, nodeId, status };
      const { rows, nextCursor } = await readPage(
        page,
        executionId,
        (beforeExecutionId, limit) => executions.list({ ...filter, beforeExecutionId, limit }),
        (execution) => execution.executionId,
      );
      const lines = await Promise.all(rows.map((execution) => countLogLines(execution.executionId)));
      return {
        executions: rows.map((execution, i) => executionView(execution, lines[i] ?? 0)),
        nextCursor,
      };
    },
    "executions.retrieve": async (input, context) => {
      const found = await executions.find(businessOf(context), input.executionId);
      if (!found) {
        throw new ComputeError("not_found", `There is no execution ${input.executionId} in this business.`);
      }
      const view = executionView(found, await countLogLines(found.executionId));
      return { ...view, workflowRun: (await runs.find(found.executionId))?.run };
    },
  };
}
