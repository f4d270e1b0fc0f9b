import { data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import type { Conclusion } from "../../../shared/workflow-run.ts";

type Functions = ReadonlyMap<string, FunctionDefinition>;

/** How things stand when a condition of a job is evaluated. */
export interface JobStatus {
  /**
   * The jobs that this one needs, and those that they need in turn, by id in lower case. A failed job with
   * continue-on-error counts as `success`.
   */
  ancestors: ReadonlyMap<string, Conclusion>;
  /** Whether the run is being cancelled. */
  cancelled: boolean;
}

/** `success()`, `failure()`, `cancelled()` and `always()` for the `if` of a job. */
export function jobStatusFunctions({ ancestors, cancelled }: JobStatus): Functions {
  const chosen = (ids: readonly data.ExpressionData[]): Conclusion[] =>
    ids.length === 0
      ? [...ancestors.values()]
      : ids.flatMap((id) => ancestors.get(id.coerceString().toLowerCase()) ?? []);
  return functions({
    success: (...ids) => !cancelled && chosen(ids).every((conclusion) => conclusion === "success"),
    failure: (...ids) => !cancelled && chosen(ids).includes("failure"),
    cancelled: () => cancelled,
  });
}

/** The same for a step. `status`: of the job; within a composite action, `nested` is that of its steps so far. */
export function stepStatusFunctions(
  status: () => Conclusion | "success",
  nested: () => Conclusion | "success" = status,
): Functions {
  return functions({
    success: () => nested() === "success",
    failure: () => nested() === "failure",
    cancelled: () => status() === "cancelled",
  });
}

type Test = (...args: data.ExpressionData[]) => boolean;

function functions(tests: { success: Test; failure: Test; cancelled: Test }): Functions {
  const all: Record<string, Test> = { ...tests, always: () => true };
  return new Map(
    Object.entries(all).map(([name, test]) => [
      name,
      {
        name,
        minArgs: 0,
        maxArgs: Number.MAX_SAFE_INTEGER,
        call: (...args: data.ExpressionData[]) => new data.BooleanData(test(...args)),
      },
    ]),
  );
}
