import type { z } from "zod";
import { ComputeError, errorCodes, type Problem } from "../../shared/errors.ts";
import { fieldErrors } from "../../shared/problem.ts";

/** An error as `application/problem+json` (RFC 9457). An error that is not a ComputeError reveals no internals. */
export function problemResponse(error: unknown, requestId: string): Response {
  const known = knownError(error);
  const problem: Problem = known.toProblem(requestId);
  const headers = new Headers({
    ...known.headers,
    "content-type": "application/problem+json",
    "x-request-id": requestId,
    "cache-control": "no-store",
  });
  if (known.retryAfterSeconds !== undefined)
    headers.set("retry-after", String(Math.ceil(known.retryAfterSeconds)));
  // Nobody reads the rest of the body, so the connection cannot be used again.
  if (known.status === 408 || known.status === 413) headers.set("connection", "close");
  if (known.status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(JSON.stringify(problem), { status: known.status, headers });
}

/** What the client learns of an error: of one that is not a ComputeError, nothing. */
export function knownError(error: unknown): ComputeError {
  if (error instanceof ComputeError) return error;
  return new ComputeError(
    "internal",
    "Something went wrong in the server. Its log has the details under this requestId.",
  );
}

/** Whether an error is the server's fault, and so worth a line in its log. */
export function isServerFault(error: unknown): boolean {
  return !(error instanceof ComputeError) || errorCodes[error.code].status >= 500;
}

/** Nobody reads more errors than this. */
const MAX_ERRORS = 100;

export function invalidRequest(error: Pick<z.ZodError, "issues">): ComputeError {
  const errors = fieldErrors(error);
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return new ComputeError("invalid_request", `${first?.path}: ${first?.message}${more}`, {
    errors: errors.slice(0, MAX_ERRORS),
  });
}
