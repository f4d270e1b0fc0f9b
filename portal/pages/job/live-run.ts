import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { applyWorkflowEvent, isFinal, type Job, type WorkflowRun } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { followJob } from "../../log/follow-job.ts";
import type { LogSourceEvent } from "../../log/source.ts";

/** Steps that change faster than this are shown together. */
const GATHER_MS = 200;

/** The state of a workflow as the events of the job's log tell it. */
export class LiveRun {
  /** A new object with every change. */
  readonly run = signal<WorkflowRun | undefined>(undefined);
  private state: WorkflowRun | undefined;
  private attempt = 0;
  /** The number of events that are in the state. */
  private known = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  take(event: LogSourceEvent): void {
    if (event.event !== "workflow") return;
    const { attempt, from, run, events = [] } = event.data;
    if (attempt < this.attempt) return;
    if (run) {
      this.state = structuredClone(run);
      this.known = from;
    } else if (attempt > this.attempt || !this.state || from > this.known) {
      // The whole state comes whenever something may have been missed.
      return;
    }
    this.attempt = attempt;
    for (const [i, one] of events.entries()) {
      if (from + i < this.known || !this.state) continue;
      applyWorkflowEvent(this.state, one);
      this.known = from + i + 1;
    }
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.run.value = structuredClone(this.state);
    }, GATHER_MS);
  }
}

/** The run of a GITHUB_ACTION job, live while it runs. Reads no log. */
export function useLiveRun(job: Job): WorkflowRun | undefined {
  const { jobId, attempt } = job;
  const live = useMemo(() => new LiveRun(), [jobId, attempt]);
  const isOver = isFinal(job.status);
  useEffect(() => {
    if (isOver) return undefined;
    const ended = new AbortController();
    const patience = {
      signal: ended.signal,
      awayMs: Number.POSITIVE_INFINITY,
      firstMs: Number.POSITIVE_INFINITY,
    };
    const follow = async () => {
      for await (const event of followJob(compute, jobId, { ...patience, tail: 0 })) live.take(event);
    };
    // What it shows is read again with the job.
    follow().catch(() => undefined);
    return () => ended.abort();
  }, [live, isOver]);
  return isOver ? job.workflowRun : (live.run.value ?? job.workflowRun);
}
