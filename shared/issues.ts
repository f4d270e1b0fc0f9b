import type { z } from "zod";

/** One thing that is wrong with a value: where in it, and what was expected there. */
export interface Issue {
  path: PropertyKey[];
  message: string;
}

/** So many names are told to whoever wrote one that is none of them; more would hide what is wrong. */
const MAX_FIELDS_TOLD = 12;

/**
 * What a failed check found, in words for whoever wrote the value: a field that is not known is named as one, with
 * those that there are where `fieldsAt` tells them.
 */
export function issuesOf(
  error: Pick<z.ZodError, "issues">,
  fieldsAt: (path: PropertyKey[]) => string[] = () => [],
): Issue[] {
  return error.issues.flatMap((issue): Issue[] => {
    const { path } = issue;
    if (issue.code === "unrecognized_keys") {
      const fields = fieldsAt(path);
      const isTold = fields.length > 0 && fields.length <= MAX_FIELDS_TOLD;
      const message = `unknown field${isTold ? `; there are ${fields.join(", ")}` : ""}`;
      return issue.keys.map((key) => ({ path: [...path, key], message }));
    }
    // What is wrong with a key stands one level deeper than that it is wrong.
    const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
    return [{ path, message: inner ?? issue.message }];
  });
}
