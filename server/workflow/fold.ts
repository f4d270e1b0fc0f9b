import type { WorkflowEvent, WorkflowRun } from "../../shared/workflow-run.ts";
import { applyWorkflowEvent, newWorkflowRun } from "../../shared/workflow-state.ts";
import { continuingEvents, type RunEvents } from "./run-store.ts";

/** The state of a run as it is stored: JSON of so many bytes at most. */
const MAX_RUN_BYTES = 8 * 1024 * 1024;
const MAX_SUMMARY_CHARS = 1024 * 1024;
const MAX_MESSAGE_CHARS = 16 * 1024;
/** Annotations of one job, or of the run itself. */
const MAX_ANNOTATIONS = 500;
const CUT = "\n\n… (the rest was too long to keep)";

/** What is stored of a run before the first event. */
export interface FoldedRun {
  events: number;
  /** JSON of the run. */
  text: string;
}

/**
 * The run after the events that continue it; the same object if there are none. A run that grows too large keeps its jobs
 * and steps, and loses the longest summaries first. Pure.
 */
export function foldEvents(
  before: FoldedRun | undefined,
  batch: RunEvents,
): { after: FoldedRun; applied: readonly WorkflowEvent[] } {
  const { path, event } = batch.request;
  const first = { events: 0, text: JSON.stringify(newWorkflowRun({ name: path, path, event })) };
  const from = before ?? first;
  const applied = continuingEvents(batch, from.events);
  if (applied.length === 0) return { after: from, applied };
  const run: WorkflowRun = JSON.parse(from.text);
  for (const one of applied) applyBounded(run, one);
  const text = fitting(run) ?? from.text;
  return { after: { events: from.events + applied.length, text }, applied };
}

function applyBounded(run: WorkflowRun, event: WorkflowEvent): void {
  if (event.type === "annotation") {
    const annotations = event.job === undefined ? run.annotations : annotationsOf(run, event.job);
    if (annotations.length >= MAX_ANNOTATIONS) return;
    const message = cut(event.annotation.message, MAX_MESSAGE_CHARS);
    applyWorkflowEvent(run, { ...event, annotation: { ...event.annotation, message } });
  } else if (event.type === "job" && event.job.summary !== undefined) {
    const summary = cut(event.job.summary, MAX_SUMMARY_CHARS);
    applyWorkflowEvent(run, { ...event, job: { ...event.job, summary } });
  } else {
    applyWorkflowEvent(run, event);
  }
}

function annotationsOf(run: WorkflowRun, key: string) {
  return run.jobs.find((job) => job.key === key)?.annotations ?? [];
}

/** The run as JSON, without as many summaries as it takes; undefined if even that is not enough. */
function fitting(run: WorkflowRun): string | undefined {
  for (;;) {
    const text = JSON.stringify(run);
    if (Buffer.byteLength(text) <= MAX_RUN_BYTES) return text;
    const [longest] = run.jobs
      .filter(({ summary = "" }) => summary.length > CUT.length)
      .sort((a, b) => (b.summary?.length ?? 0) - (a.summary?.length ?? 0));
    if (!longest) return undefined;
    longest.summary = CUT.trim();
  }
}

function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : text.slice(0, maxChars) + CUT;
}
