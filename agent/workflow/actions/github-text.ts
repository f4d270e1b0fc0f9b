import { data } from "@actions/expressions";
import type { JobState } from "../job.ts";

/** A property of the `github` context as text, by its path: `event.pull_request.head.sha`; "" if it has none. */
export function githubText({ plan }: Pick<JobState, "plan">, path: string): string {
  let value = plan.contexts.github;
  for (const name of path.split(".")) {
    value = value?.kind === data.Kind.Dictionary ? value.get(name) : undefined;
  }
  return value?.coerceString() ?? "";
}
