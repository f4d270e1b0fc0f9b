/** Where the agent says what happens, one line for people per call. Never handed a secret. */
export interface AgentLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** The agent cannot go on; the message says why and what to do. */
export class AgentError extends Error {
  override name = "AgentError";
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
