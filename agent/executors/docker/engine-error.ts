/** The engine did not do what it was asked to; the message holds its own words. */
export class EngineError extends Error {
  override name = "EngineError";
  /** The HTTP status; undefined where the engine gave no answer at all. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }

  /** Nobody can say whether it was done. */
  get unreachable(): boolean {
    return this.status === undefined;
  }
}

export function hasStatus(error: unknown, ...statuses: number[]): boolean {
  return error instanceof EngineError && error.status !== undefined && statuses.includes(error.status);
}

/** An engine that is restarted is back within this time; a container may live on meanwhile. */
export const ENGINE_AWAY_MS = 120_000;
export const LOOK_AGAIN_MS = 1_000;

/** Why nobody answers at an engine's place, in words of which the runtime has none that help. */
export function whyUnreachable(error: unknown): string {
  const {
    name,
    code,
    message = String(error),
  } = error as { name?: string; code?: unknown; message?: string };
  if (name === "TimeoutError" || name === "AbortError") return "it did not answer in time";
  if (code === "ENOENT") return "there is no such socket";
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") return "nothing listens there";
  if (code === "EACCES") return "its socket is not open to this account";
  return message.replace(/[.?\s]+$/, "");
}

/** A runtime that crashes leaves pages of what was on its stack. */
const MAX_WORDS = 1_000;

/** `{"message": …}` is how the engine explains itself; podman adds a `cause` that it repeats. */
export function engineWords(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string") return message.trim().slice(0, MAX_WORDS);
  } catch {
    // Some proxy's page then, or an old engine's plain text.
  }
  return text.trim().slice(0, MAX_WORDS);
}
