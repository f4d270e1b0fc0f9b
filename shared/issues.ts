import type { z } from "zod";

/** A mistake in a value: its place, and what was expected there. */
export interface Issue {
  path: PropertyKey[];
  message: string;
}

/** A message lists at most this many known fields; more would hide the mistake. */
const MAX_FIELDS_SHOWN = 12;

/** The mistakes a failed check found, in words for people. An unknown field is followed by the fields `fieldsAt` knows. */
export function issuesOf(
  error: Pick<z.ZodError, "issues">,
  fieldsAt: (path: PropertyKey[]) => string[] = () => [],
): Issue[] {
  return error.issues.flatMap((issue): Issue[] => {
    const { path } = issue;
    if (issue.code === "unrecognized_keys") {
      const fields = fieldsAt(path);
      const isShown = fields.length > 0 && fields.length <= MAX_FIELDS_SHOWN;
      const message = `unknown field${isShown ? `; known fields are ${fields.join(", ")}` : ""}`;
      return issue.keys.map((key) => ({ path: [...path, key], message }));
    }
    // The reason a key is invalid is nested one level deeper.
    const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
    return [{ path, message: inner ?? issue.message }];
  });
}
