import { expect, test } from "bun:test";
import type { WorkflowEvent } from "./workflow-run.ts";
import { applyWorkflowEvent, eventsOfRun, newWorkflowRun } from "./workflow-state.ts";

const job = (key: string, id = key): WorkflowEvent => ({ type: "job", job: { key, id, name: key } });

function folded(events: readonly WorkflowEvent[]) {
  const run = newWorkflowRun({ name: "", path: "ci.yml", event: "push" });
  for (const event of events) applyWorkflowEvent(run, event);
  return run;
}

test("jobs stand in the order of the file, whenever they come", () => {
  const run = folded([
    { type: "run", run: { jobIds: ["lint", "test", "call", "done"] } },
    job("lint"),
    job("done"),
    job("call / a", "call/a"),
    job("test (1)", "test"),
    job("call / b", "call/b"),
    job("test (2)", "test"),
  ]);
  const order = ["lint", "test (1)", "test (2)", "call / a", "call / b", "done"];
  expect(run.jobs.map(({ key }) => key)).toEqual(order);
  expect(folded(eventsOfRun(run))).toEqual(run);
});

test("the same change twice gives the same state", () => {
  const events: WorkflowEvent[] = [
    job("a"),
    {
      type: "step",
      job: "a",
      step: { number: 1, name: "Run x", status: "completed", conclusion: "success" },
    },
    { type: "run", run: { status: "completed", conclusion: "success" } },
  ];
  expect(folded([...events, ...events])).toEqual(folded(events));
});
