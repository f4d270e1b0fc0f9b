import { ComputeError, type ErrorCode } from "../../shared/errors.ts";
import { AgentError } from "../process/agent-error.ts";

/** Nobody is signed in for this node any more, so it gets no new job. */
export class SessionEndedError extends AgentError {
  override name = "SessionEndedError";
}

/** Another agent has taken this node, so the executions here no longer belong to this agent. */
export class NodeTakenError extends AgentError {
  override name = "NodeTakenError";
}

const lostAccess: readonly ErrorCode[] = [
  "unauthenticated",
  "session_ended",
  "token_expired",
  "forbidden",
  "not_found",
];

export function isCode(error: unknown, code: ErrorCode): error is ComputeError {
  return error instanceof ComputeError && error.code === code;
}

export function isRefusal(error: unknown): boolean {
  return isCode(error, "not_found") || isCode(error, "forbidden");
}

export function isLostAccess(error: unknown): error is ComputeError {
  return error instanceof ComputeError && lostAccess.includes(error.code);
}
