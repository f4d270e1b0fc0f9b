import type { Execution, Job } from "../../../sdk/index.ts";

/** How long an attempt waited, started and ran, and what share of the longest attempt each of these is. */
export interface AttemptSpan {
  waitMs: number | undefined;
  startMs: number | undefined;
  runMs: number | undefined;
  /** 0 to 1. */
  wait: number;
  start: number;
  run: number;
  /** The bar for the wait is shorter than its share: otherwise nothing else could be seen. */
  isCut: boolean;
  /** It is not over. */
  isOpen: boolean;
}

/** A wait is drawn as at most so much of the longest work. */
const MAX_WAITS = 0.5;

/** `executions` in the order of their attempts. An attempt after the first waits from the end of the one before. */
export function spansOf(job: Job, executions: readonly Execution[], nowMs: number): AttemptSpan[] {
  const times = executions.map((execution, i) => timesOf(execution, readyMs(job, executions[i - 1]), nowMs));
  const longest = Math.max(1, ...times.map(({ startMs = 0, runMs = 0 }) => startMs + runMs));
  const maxWait = MAX_WAITS * longest;
  const drawn = times.map((one) => Math.min(one.waitMs ?? 0, maxWait));
  const scale = Math.max(
    1,
    ...times.map(({ startMs = 0, runMs = 0 }, i) => (drawn[i] ?? 0) + startMs + runMs),
  );
  return times.map((one, i) => ({
    ...one,
    wait: (drawn[i] ?? 0) / scale,
    start: (one.startMs ?? 0) / scale,
    run: (one.runMs ?? 0) / scale,
    isCut: (one.waitMs ?? 0) > maxWait,
  }));
}

function readyMs({ createdAt }: Job, before: Execution | undefined): number {
  return Date.parse(before?.finishedAt ?? createdAt);
}

function timesOf({ assignedAt, startedAt, finishedAt }: Execution, fromMs: number, nowMs: number) {
  const endMs = finishedAt === undefined ? nowMs : Date.parse(finishedAt);
  const assignedMs = Date.parse(assignedAt);
  const startedMs = startedAt === undefined ? undefined : Date.parse(startedAt);
  return {
    waitMs: Math.max(0, assignedMs - fromMs),
    startMs: Math.max(0, (startedMs ?? endMs) - assignedMs),
    runMs: startedMs === undefined ? undefined : Math.max(0, endMs - startedMs),
    isOpen: finishedAt === undefined,
  };
}
