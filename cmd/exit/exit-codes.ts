import type { ErrorCode } from "../../shared/errors.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import { shownCode, TIMEOUT_CODE } from "../../shared/retry-rule.ts";

/** The CLI's own exit codes, from sysexits if one fits. Scripts depend on them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 64,
  badData: 65,
  notFound: 66,
  unreachable: 69,
  internal: 70,
  ioError: 74,
  tryAgain: 75,
  notAllowed: 77,
  badConfiguration: 78,
  jobTimeout: TIMEOUT_CODE,
  /** 128 + SIGINT: the exit code for a cancelled job. */
  cancelled: 130,
  /** 128 + SIGPIPE: the reader of our output has gone. */
  brokenPipe: 141,
} as const;

const codeOfProblem: Record<ErrorCode, number> = {
  invalid_json: exitCodes.badData,
  invalid_request: exitCodes.badData,
  payload_too_large: exitCodes.badData,
  unsupported_media_type: exitCodes.badData,
  conflict: exitCodes.badData,
  idempotency_key_reused: exitCodes.badData,
  node_taken: exitCodes.tryAgain,
  node_in_use: exitCodes.tryAgain,
  not_found: exitCodes.notFound,
  link_expired: exitCodes.notFound,
  range_not_satisfiable: exitCodes.badData,
  method_not_allowed: exitCodes.internal,
  internal: exitCodes.internal,
  request_timeout: exitCodes.tryAgain,
  rate_limited: exitCodes.tryAgain,
  unavailable: exitCodes.tryAgain,
  storage_failed: exitCodes.tryAgain,
  unauthenticated: exitCodes.notAllowed,
  token_expired: exitCodes.notAllowed,
  session_ended: exitCodes.notAllowed,
  forbidden: exitCodes.notAllowed,
  credit_exhausted: exitCodes.notAllowed,
  quota_exceeded: exitCodes.notAllowed,
};

export function exitCodeOfProblem(code: ErrorCode): number {
  return codeOfProblem[code];
}

export interface JobEnding {
  status: JobStatus;
  exitCode?: number;
  signal?: string;
}

/** The exit code of a command that waited for a job: the job's own code, as a shell would report it. */
export function exitCodeOfJob(job: JobEnding): number {
  if (job.status === "SUCCESS") return exitCodes.ok;
  if (job.status === "TIMEOUT") return exitCodes.jobTimeout;
  if (job.status === "CANCELLED") return exitCodes.cancelled;
  return shownCode(job) ?? exitCodes.failed;
}
