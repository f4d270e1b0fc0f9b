import { expect, test } from "bun:test";
import type { Conclusion } from "../../../shared/workflow-run.ts";
import { contextsOf, evaluateCondition } from "./evaluate.ts";
import { stepStatusFunctions } from "./status-functions.ts";

const conditions = ["success()", "failure()", "cancelled()", "always()"];

function holds(functions: ReturnType<typeof stepStatusFunctions>): string[] {
  const scope = { contexts: contextsOf({}), functions };
  return conditions.filter((condition) => evaluateCondition(condition, scope));
}

test("a step sees the state of its job, and one of a composite action that of the steps beside it", () => {
  let status: Conclusion = "success";
  const ofJob = stepStatusFunctions(() => status);
  expect(holds(ofJob)).toEqual(["success()", "always()"]);
  status = "failure";
  expect(holds(ofJob)).toEqual(["failure()", "always()"]);
  status = "cancelled";
  expect(holds(ofJob)).toEqual(["cancelled()", "always()"]);
  expect(
    holds(
      stepStatusFunctions(
        () => "failure",
        () => "success",
      ),
    ),
  ).toEqual(["success()", "always()"]);
  expect(
    holds(
      stepStatusFunctions(
        () => "success",
        () => "failure",
      ),
    ),
  ).toEqual(["failure()", "always()"]);
});
