import type { z } from "zod";

/** One thing that is wrong with a value: where in it, and what was expected there. */
export interface Issue {
  path: PropertyKey[];
  message: string;
}

/** What a failed check found, in words for whoever wrote the value: a field that is not known is named as one. */
export function issuesOf(error: Pick<z.ZodError, "issues">): Issue[] {
  return error.issues.flatMap((issue): Issue[] => {
    const { path } = issue;
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ path: [...path, key], message: "unknown field" }));
    }
    // What is wrong with a key stands one level deeper than that it is wrong.
    const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
    return [{ path, message: inner ?? issue.message }];
  });
}
