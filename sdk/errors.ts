import { ComputeError, type ErrorCode, errorCodes, type Problem } from "../shared/errors.ts";

export { ComputeError } from "../shared/errors.ts";

/**
 * No answer of a Tanvrit Compute server was had: it refused the connection, did not answer in time, or what answered
 * is something else. Whether the request was carried out is not known.
 */
export class UnreachableError extends Error {
  override name = "UnreachableError";
  /** The server's URL. */
  readonly url: string;
  /** Trying again later may help; not so where something else than our server lives at this URL. */
  readonly temporary: boolean;

  constructor(
    url: string,
    why: string,
    options: { cause?: unknown; todo?: string; temporary?: boolean } = {},
  ) {
    const todo = options.todo ?? "Check that the server runs there and that the network lets you through";
    const sentence = /[.!?]$/.test(why) ? why : `${why}.`;
    super(`Cannot reach the server at ${url}: ${sentence} ${todo}.`, { cause: options.cause });
    this.url = url;
    this.temporary = options.temporary ?? true;
  }
}

/**
 * What answers at the URL is not the server that it is taken for: another program listens there, or the server was set
 * up anew. Nothing secret was sent to it.
 */
export class OtherServerError extends UnreachableError {
  override name = "OtherServerError";

  constructor(url: string, why: string, todo: string) {
    super(
      url,
      `what answers there is not the server that is known under this URL: ${why}. ` +
        "A program of another account may be listening there. It was sent no token and no key",
      { todo, temporary: false },
    );
  }
}

/** Whether the same request may succeed a little later: nobody answered, or the code of the answer says so. */
export function isTemporary(error: unknown): error is UnreachableError | ComputeError {
  if (error instanceof UnreachableError) return error.temporary;
  return error instanceof ComputeError && errorCodes[error.code].retryable;
}

/** The error a problem+json answer stands for. A code that this version does not know counts as its status does. */
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

/** The most general code of a status; `invalid_request` for other 4xx, `internal` for other 5xx. */
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
