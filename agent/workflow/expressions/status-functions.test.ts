import { expect, test } from "bun:test";
import type { Conclusion } from "../../../shared/workflow-run.ts";
import { contextsOf, evaluateCondition } from "./evaluate.ts";
import { jobStatusFunctions, stepStatusFunctions } from "./status-functions.ts";

const conditions = ["success()", "failure()", "cancelled()", "always()"];

function holds(functions: ReturnType<typeof stepStatusFunctions>): string[] {
  const scope = { contexts: contextsOf({}), functions };
  return conditions.filter((condition) => evaluateCondition(condition, scope));
}

const jobs: [ancestors: Record<string, Conclusion>, cancelled: boolean, expected: string[]][] = [
  [{}, false, ["success()", "always()"]],
  [{ a: "success", b: "success" }, false, ["success()", "always()"]],
  [{ a: "success", b: "failure" }, false, ["failure()", "always()"]],
  [{ a: "skipped", b: "success" }, false, ["always()"]],
  [{ a: "cancelled" }, false, ["always()"]],
  [{ a: "success" }, true, ["cancelled()", "always()"]],
  [{ a: "failure" }, true, ["cancelled()", "always()"]],
];

test.each(jobs)("a job after %j, cancelled %p: %j", (ancestors, cancelled, expected) => {
  expect(holds(jobStatusFunctions({ ancestors: new Map(Object.entries(ancestors)), cancelled }))).toEqual(
    expected,
  );
});

test("a job may ask for some of the jobs before it", () => {
  const functions = jobStatusFunctions({
    ancestors: new Map<string, Conclusion>([
      ["build", "success"],
      ["test", "failure"],
    ]),
    cancelled: false,
  });
  const scope = { contexts: contextsOf({}), functions };
  expect(evaluateCondition("success('Build')", scope)).toBe(true);
  expect(evaluateCondition("failure('test')", scope)).toBe(true);
  expect(evaluateCondition("success('build', 'test')", scope)).toBe(false);
});

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
