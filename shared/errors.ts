import type { FieldError, Problem } from "./problem.ts";

export type { FieldError, Problem } from "./problem.ts";

/**
 * The stable error codes of the API: HTTP status, a title for people, and whether the same request may be sent again.
 * Adding a code is compatible; changing the meaning of a code is not.
 */
export const errorCodes = {
  invalid_json: { status: 400, title: "The request body is not valid JSON", retryable: false },
  invalid_request: { status: 400, title: "The request is not valid", retryable: false },
  unauthenticated: { status: 401, title: "Sign in first", retryable: false },
  token_expired: { status: 401, title: "The access token has expired", retryable: false },
  session_ended: { status: 401, title: "The session has ended", retryable: false },
  credit_exhausted: { status: 402, title: "The credit is used up", retryable: false },
  forbidden: { status: 403, title: "Not allowed", retryable: false },
  quota_exceeded: { status: 403, title: "The room for files is used up", retryable: false },
  not_found: { status: 404, title: "Not found", retryable: false },
  method_not_allowed: { status: 405, title: "This method is not allowed here", retryable: false },
  request_timeout: { status: 408, title: "The request took too long to arrive", retryable: true },
  conflict: { status: 409, title: "The request conflicts with the current state", retryable: false },
  idempotency_key_reused: {
    status: 409,
    title: "This idempotency key was used for another request",
    retryable: false,
  },
  node_taken: { status: 409, title: "Another agent has taken this node", retryable: false },
  node_in_use: { status: 409, title: "Another agent is running as this node", retryable: false },
  link_expired: { status: 410, title: "The link has expired", retryable: false },
  payload_too_large: { status: 413, title: "The request body is too large", retryable: false },
  unsupported_media_type: { status: 415, title: "The request body must be JSON", retryable: false },
  range_not_satisfiable: { status: 416, title: "The file has no such range", retryable: false },
  rate_limited: { status: 429, title: "Too many requests", retryable: true },
  internal: { status: 500, title: "The server failed", retryable: true },
  unavailable: { status: 503, title: "The server is unavailable for the moment", retryable: true },
  storage_failed: { status: 503, title: "The store could not save this", retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ErrorCode = keyof typeof errorCodes;

/**
 * An error the server answers with, as a problem+json. `code` is stable and for programs, the message is for people,
 * `errors` lists the wrong fields of an `invalid_request`, `retryAfterSeconds` is the server's Retry-After. Handlers of the
 * server throw it; any other error they throw becomes `internal`.
 */
export class ComputeError extends Error {
  override name = "ComputeError";
  readonly code: ErrorCode;
  readonly errors: FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** Headers of the answer that say more, such as how much of a limit is left. Only the server sets them. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    detail: string,
    options: {
      errors?: FieldError[];
      retryAfterSeconds?: number;
      headers?: Readonly<Record<string, string>>;
      cause?: unknown;
    } = {},
  ) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers ?? {};
  }

  get status(): number {
    return errorCodes[this.code].status;
  }

  toProblem(requestId?: string): Problem {
    return {
      type: `https://tanvrit.com/problems/${this.code.replaceAll("_", "-")}`,
      title: errorCodes[this.code].title,
      status: this.status,
      code: this.code,
      detail: this.message,
      errors: this.errors,
      requestId,
    };
  }
}
