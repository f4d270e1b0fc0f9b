import { z } from "zod";
import { issuesOf } from "./issues.ts";

/** A wrong field of a request: its `path`, such as `resources.cpu`, and what was expected. */
export const fieldError = z.object({ path: z.string(), message: z.string() });
export type FieldError = z.infer<typeof fieldError>;

/** `application/problem+json` (RFC 9457) with our extension members. `code` is a string because a newer server may add codes. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string().optional(),
  errors: z.array(fieldError).optional(),
  requestId: z.string().optional(),
});
export type Problem = z.infer<typeof problem>;

/** The issues of a failed zod parse as field errors; `(body)` is the path of the whole value. */
export function fieldErrors(error: Pick<z.ZodError, "issues">): FieldError[] {
  return issuesOf(error).map(({ path, message }) => ({ path: path.join(".") || "(body)", message }));
}
