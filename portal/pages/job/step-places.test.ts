import { expect, test } from "bun:test";
import type { WorkflowJob, WorkflowStep } from "../../../sdk/index.ts";
import type { LogSourceEvent } from "../../log/source.ts";
import { StepPlaces } from "./step-places.ts";

function line(seq: number, text: string, attempt = 1): LogSourceEvent {
  return { event: "log", data: { seq, attempt, text, stream: "stdout", at: "", executionId: "exe_1" } };
}

function jobOf(key: string, names: string[]): WorkflowJob {
  const steps = names.map((name, i): WorkflowStep => {
    return { number: i + 1, name, kind: "main", status: "completed", startedAt: "2026-01-01T00:00:00Z" };
  });
  return { key, id: key, name: key, status: "completed", steps, annotations: [] };
}

function placesOf(places: StepPlaces, job: WorkflowJob) {
  return job.steps.map((step) => places.of(job, step)?.seq);
}

test("each step has the line at which it begins, also among jobs that run at once and steps of one name", () => {
  const places = new StepPlaces();
  const lines = ["[a] ▸ Run", "[b (1, 2)] ▸ Run", "[a] output ▸ Run", "[a]   ▸ Nested", "[a] ▸ Run"];
  for (const [i, text] of lines.entries()) places.take(line(i + 1, text));
  expect(placesOf(places, jobOf("a", ["Run", "Nested", "Run"]))).toEqual([1, 4, 5]);
  expect(placesOf(places, jobOf("b (1, 2)", ["Run", "Later"]))).toEqual([2, undefined]);
});

test("a run of one job does not name it; a later attempt has places of its own; a repeated line counts once", () => {
  const places = new StepPlaces();
  for (const text of ["▸ Build", "▸ Build"]) places.take(line(3, text));
  const job = jobOf("only", ["Build", "Build"]);
  expect(placesOf(places, job)).toEqual([3, undefined]);
  places.take({
    event: "lines",
    data: {
      executionId: "exe_2",
      attempt: 2,
      seq: 7,
      lines: [
        ["o", "", "x"],
        ["o", "", "▸ Build"],
      ],
    },
  });
  expect(placesOf(places, job)).toEqual([8, undefined]);
});
