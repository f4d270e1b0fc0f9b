import type { JobState } from "../job.ts";

/** A property of the `github` context as text; "" if it has none. */
export function githubText({ plan }: Pick<JobState, "plan">, name: string): string {
  const github = plan.contexts.github;
  const value = github && "get" in github ? github.get(name as never) : undefined;
  return value?.coerceString() ?? "";
}
