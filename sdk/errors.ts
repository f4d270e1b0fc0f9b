import { ComputeError, type ErrorCode, errorCodes, type Problem } from "../shared/errors.ts";

export { ComputeError } from "../shared/errors.ts";

/**
 * No Tanvrit Compute server answered: the connection was refused, the answer did not come in time, or something else
 * answered. The request may or may not have been carried out.
 */
export class UnreachableError extends Error {
  override name = "UnreachableError";
  /** The server's URL. */
  readonly url: string;
  /** Whether a later attempt may succeed; false if another program answers at this URL. */
  readonly temporary: boolean;

  constructor(
    url: string,
    why: string,
    options: { cause?: unknown; todo?: string; temporary?: boolean } = {},
  ) {
    const todo = options.todo ?? "Check that the server is running there and can be reached from here";
    const sentence = /[.!?]$/.test(why) ? why : `${why}.`;
    super(`Cannot reach the server at ${url}: ${sentence} ${todo}.`, { cause: options.cause });
    this.url = url;
    this.temporary = options.temporary ?? true;
  }
}

/**
 * Another server answers at the URL: another program listens there, or the server was set up again. Nothing secret was
 * sent to it.
 */
export class OtherServerError extends UnreachableError {
  override name = "OtherServerError";

  constructor(url: string, why: string, todo: string) {
    super(
      url,
      `another server answers there, not the one known under this URL: ${why}. ` +
        "A program of another account may be listening there. No token and no key was sent to it",
      { todo, temporary: false },
    );
  }
}

/** Whether the same request may succeed a little later: nobody answered, or the error code is retryable. */
export function isTemporary(error: unknown): error is UnreachableError | ComputeError {
  if (error instanceof UnreachableError) return error.temporary;
  return error instanceof ComputeError && errorCodes[error.code].retryable;
}

/** The error of a problem+json answer. An unknown code counts as the general code of its status. */
export function errorOfProblem(problem: Problem, retryAfterSeconds?: number): ComputeError {
  const known = Object.hasOwn(errorCodes, problem.code);
  const code = known ? (problem.code as ErrorCode) : codeOfStatus(problem.status);
  const detail = problem.detail ?? problem.title;
  return new ComputeError(code, known ? detail : `${detail} (${problem.code})`, {
    errors: problem.errors,
    retryAfterSeconds,
    cause: problem.requestId ? { requestId: problem.requestId } : undefined,
  });
}

/** The general code of a status; `invalid_request` for other 4xx, `internal` for other 5xx. */
function codeOfStatus(status: number): ErrorCode {
  const general: Record<number, ErrorCode> = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    408: "request_timeout",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    503: "unavailable",
  };
  return general[status] ?? (status >= 500 ? "internal" : "invalid_request");
}
