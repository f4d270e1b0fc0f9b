import { data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import type { Conclusion } from "../../../shared/workflow-run.ts";

type Functions = ReadonlyMap<string, FunctionDefinition>;

/** `success()`, `failure()`, `cancelled()` and `always()` for a step. `status`: of the job; within a composite action, `nested` is that of its steps so far. */
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
