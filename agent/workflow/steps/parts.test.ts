import { expect, test } from "bun:test";
import { playJob } from "../../../tests/support/played-job.ts";
import type { ActionPart, Actions, StepEnd, StepState } from "../job.ts";

/** Actions by name whose parts say what they do. */
const actions: Partial<Actions> = {
  prepare: ({ uses = "" }) => {
    const part = (kind: string, condition = "always()"): ActionPart => ({
      if: condition,
      run: (step) => say(step, `${kind} ${uses} ${step.state.get("k") ?? ""}`.trim(), kind),
    });
    const hasPre = uses.includes("pre");
    return Promise.resolve({
      action: { repository: uses.split("@")[0], ref: "v1" },
      ...(hasPre && { pre: part("pre") }),
      main: part("main"),
      post: part("post", uses.includes("onfail") ? "failure()" : "always()"),
    });
  },
};

async function say(step: StepState, text: string, kind: string): Promise<StepEnd> {
  step.state.set("k", kind);
  step.job.services.report.line(text, step.number);
  if (kind === "main" && step.definition.uses?.includes("bad")) return { outcome: "failure" };
  return { outcome: "success" };
}

test("pre parts run first, post parts last and in reverse, also after a failure", async () => {
  const { log, steps } = await playJob(
    `
- uses: o/a@v1
- uses: o/pre-b@v1
- uses: o/bad@v1
- uses: o/skipped@v1
- uses: o/pre-skipped@v1
`,
    { actions },
  );
  expect(log).toEqual([
    "pre o/pre-b@v1",
    "pre o/pre-skipped@v1",
    "main o/a@v1",
    "main o/pre-b@v1 pre",
    "main o/bad@v1",
    "post o/bad@v1 main",
    "post o/a@v1 main",
    "post o/pre-skipped@v1 pre",
    "post o/pre-b@v1 main",
  ]);
  expect(steps.slice(0, 4)).toEqual([
    "Set up job: success",
    "Pre Run o/pre-b@v1: success",
    "Pre Run o/pre-skipped@v1: success",
    "Run o/a@v1: success",
  ]);
  expect(steps.at(-2)).toBe("Post Run o/pre-b@v1: success");
});

test("a post part runs by its own condition", async () => {
  const { log, steps } = await playJob("- uses: o/onfail@v1\n- uses: o/a@v1", { actions });
  expect(log).toEqual(["main o/onfail@v1", "main o/a@v1", "post o/a@v1 main"]);
  expect(steps.at(-2)).toBe("Post Run o/onfail@v1: skipped");
});

test("post parts run after a cancel", async () => {
  const cancel = new AbortController();
  const { log, conclusion } = await playJob("- uses: o/a@v1\n- run: echo ready; sleep 60", {
    actions,
    cancel: cancel.signal,
    onLine: (line) => line === "ready" && cancel.abort(),
  });
  expect(conclusion).toBe("cancelled");
  expect(log).toEqual(["main o/a@v1", "ready", "post o/a@v1 main"]);
});
