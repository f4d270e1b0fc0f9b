/**
 * The life of a job: which event leads from which status to which. Every write of a job's status goes through this table.
 * `release` takes back an assignment that was never started, `requeue` begins another attempt after one that failed,
 * `retry` runs a finished job again because somebody asked for it. A job whose agent reports no start ends from ASSIGNED.
 */
const jobTransitions = {
  QUEUED: { assign: "ASSIGNED", cancel: "CANCELLED", skip: "CANCELLED", expire: "TIMEOUT" },
  ASSIGNED: {
    start: "RUNNING",
    release: "QUEUED",
    requeue: "QUEUED",
    succeed: "SUCCESS",
    fail: "FAILED",
    timeout: "TIMEOUT",
    cancel: "CANCELLED",
  },
  RUNNING: {
    requeue: "QUEUED",
    succeed: "SUCCESS",
    fail: "FAILED",
    timeout: "TIMEOUT",
    cancel: "CANCELLED",
  },
  SUCCESS: { retry: "QUEUED" },
  FAILED: { retry: "QUEUED" },
  TIMEOUT: { retry: "QUEUED" },
  CANCELLED: { retry: "QUEUED" },
} as const;

/** The life of an array, which follows its jobs: it begins with the first job and ends with the last. */
const arrayTransitions = {
  QUEUED: { begin: "RUNNING", succeed: "SUCCESS", fail: "FAILED", cancel: "CANCELLED" },
  RUNNING: { succeed: "SUCCESS", fail: "FAILED", cancel: "CANCELLED" },
  SUCCESS: { reopen: "QUEUED" },
  FAILED: { reopen: "QUEUED" },
  CANCELLED: { reopen: "QUEUED" },
} as const;

/** The life of one attempt on one node. An attempt that is released before it starts counts as cancelled. */
const executionTransitions = {
  ASSIGNED: { start: "RUNNING", succeed: "SUCCEEDED", fail: "FAILED", cancel: "CANCELLED" },
  RUNNING: { succeed: "SUCCEEDED", fail: "FAILED", cancel: "CANCELLED" },
  SUCCEEDED: {},
  FAILED: {},
  CANCELLED: {},
} as const;

type EventOf<Table> = { [Status in keyof Table]: keyof Table[Status] }[keyof Table] & string;

export type JobStatus = keyof typeof jobTransitions;
export type JobEvent = EventOf<typeof jobTransitions>;
export type ArrayEvent = EventOf<typeof arrayTransitions>;
export type ExecutionStatus = keyof typeof executionTransitions;
export type ExecutionEvent = EventOf<typeof executionTransitions>;
export type FinalJobStatus = (typeof finalJobStatuses)[number];

export const jobStatuses = Object.keys(jobTransitions) as JobStatus[];
export const finalJobStatuses = [
  "SUCCESS",
  "FAILED",
  "TIMEOUT",
  "CANCELLED",
] as const satisfies readonly JobStatus[];
export const executionStatuses = Object.keys(executionTransitions) as ExecutionStatus[];

/** The status of a job after `event`. Throws ImpossibleTransitionError if the event has no meaning in that status. */
export function nextJobStatus(status: JobStatus, event: JobEvent): JobStatus {
  return next("job", jobTransitions, status, event);
}

/** The status of an array after `event`. Throws ImpossibleTransitionError if the event has no meaning in that status. */
export function nextArrayStatus(status: JobStatus, event: ArrayEvent): JobStatus {
  return next("array", arrayTransitions, status, event);
}

/** The status of an execution after `event`. Throws ImpossibleTransitionError if the event has no meaning in that status. */
export function nextExecutionStatus(status: ExecutionStatus, event: ExecutionEvent): ExecutionStatus {
  return next("execution", executionTransitions, status, event);
}

/** The statuses of a job in which `event` means something: what a conditional write must find. */
export function statusesBefore(event: JobEvent): JobStatus[] {
  return jobStatuses.filter((status) => event in jobTransitions[status]);
}

/** A defect of the server: it was about to write a status that the tables do not allow. */
export class ImpossibleTransitionError extends Error {
  override name = "ImpossibleTransitionError";
}

function next<Status extends string>(
  what: string,
  table: Partial<Record<Status, Readonly<Record<string, Status>>>>,
  status: Status,
  event: string,
): Status {
  const to = table[status]?.[event];
  if (to === undefined) throw new ImpossibleTransitionError(`A ${what} that is ${status} cannot ${event}.`);
  return to;
}

export function isFinal(status: JobStatus): status is FinalJobStatus {
  return status === "SUCCESS" || status === "FAILED" || status === "TIMEOUT" || status === "CANCELLED";
}

/** The event that gives a job its final status. */
export const finalEvent = {
  SUCCESS: "succeed",
  FAILED: "fail",
  TIMEOUT: "timeout",
  CANCELLED: "cancel",
} as const satisfies Record<FinalJobStatus, JobEvent>;

/** The event by which an execution ends. */
export const executionEndEvent = {
  SUCCEEDED: "succeed",
  FAILED: "fail",
  CANCELLED: "cancel",
} as const satisfies Partial<Record<ExecutionStatus, ExecutionEvent>>;
