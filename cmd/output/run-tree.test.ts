import { expect, test } from "bun:test";
import type { WorkflowEvent } from "../../shared/workflow-run.ts";
import { applyWorkflowEvent, newWorkflowRun } from "../../shared/workflow-state.ts";
import { PLAIN } from "./look.ts";
import { runTree } from "./run-tree.ts";

const at = (second: number) => `2026-01-31T12:00:0${second}.000Z`;

const events: WorkflowEvent[] = [
  { type: "annotation", annotation: { level: "warning", message: "no secrets given" } },
  {
    type: "job",
    job: { key: "lint", name: "lint", conclusion: "success", startedAt: at(1), completedAt: at(3) },
  },
  { type: "step", job: "lint", step: { number: 1, name: "Run ./setup", conclusion: "success" } },
  {
    type: "step",
    job: "lint",
    step: { number: 2, name: "Run make lint", conclusion: "failure", exitCode: 2 },
  },
  {
    type: "step",
    job: "lint",
    step: { number: 3, name: "Run echo inner", conclusion: "success", parent: 1 },
  },
  { type: "step", job: "lint", step: { number: 4, name: "Try", conclusion: "success", outcome: "failure" } },
  {
    type: "annotation",
    job: "lint",
    annotation: { level: "failure", message: "bad\u001b[31m name", title: "Lint", file: "a.c", line: 3 },
  },
  { type: "job", job: { key: "lint", summary: "# Found\n- one\n" } },
  { type: "job", job: { key: "build", name: "build (20)", status: "in_progress" } },
  { type: "job", job: { key: "deploy", name: "deploy", conclusion: "skipped", message: "needs build" } },
];

test("the tree shows every job and step in order, with annotations, times and summary, and no control characters", () => {
  const run = newWorkflowRun({ name: "CI", path: "ci.yml", event: "push" });
  for (const event of events) applyWorkflowEvent(run, event);
  const shown = (isOver: boolean) => `${runTree(run, isOver, PLAIN)}`.split("\n");
  expect(shown(false)).toEqual([
    "warning: no secrets given",
    "✓ lint  2.0 s",
    "    ✓ Run ./setup",
    "      ✓ Run echo inner",
    "    ✗ Run make lint, exit code 2",
    "    ✓ Try, failed and goes on",
    expect.stringMatching(/^ {4}error: Lint: bad.* name {2}a\.c:3$/),
    "    │ # Found",
    "    │ - one",
    "▸ build (20)",
    "– deploy: needs build",
  ]);
  // Its node was lost in the middle.
  expect(shown(true)).toContain("? build (20)");
});
