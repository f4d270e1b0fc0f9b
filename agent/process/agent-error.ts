/** The agent cannot go on; the message says why and what to do. */
export class AgentError extends Error {
  override name = "AgentError";
}
