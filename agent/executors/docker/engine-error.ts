/** A request to the engine failed. The message contains the engine's own words. */
export class EngineError extends Error {
  override name = "EngineError";

  constructor(
    message: string,
    /** The HTTP status; undefined if the engine did not answer. */
    readonly status?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** There was no answer, so it is unknown whether the engine did what was asked. */
  get unreachable(): boolean {
    return this.status === undefined;
  }
}

export function hasStatus(error: unknown, ...statuses: number[]): boolean {
  return error instanceof EngineError && error.status !== undefined && statuses.includes(error.status);
}

/** An engine that is restarted is back within this time. Its containers may keep running in the meantime. */
export const ENGINE_AWAY_MS = 120_000;
export const LOOK_AGAIN_MS = 1_000;

/** Why the engine does not answer. The runtime's own messages do not help people. */
export function whyUnreachable(error: unknown): string {
  const {
    name,
    code,
    message = String(error),
  } = error as { name?: string; code?: unknown; message?: string };
  if (name === "TimeoutError" || name === "AbortError") return "it did not answer in time";
  if (code === "ENOENT") return "the socket does not exist";
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") return "nothing is listening there";
  if (code === "EACCES") return "this account may not use its socket";
  return message.replace(/[.?\s]+$/, "");
}

/** A container runtime that crashes prints pages of stack traces. */
const MAX_WORDS = 1_000;

/** The engine's own explanation, from `{"message": …}`. Podman adds a `cause` that repeats it. */
export function engineWords(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string") return message.trim().slice(0, MAX_WORDS);
  } catch {
    // A page from a proxy, or plain text from an old engine.
  }
  return text.trim().slice(0, MAX_WORDS);
}
