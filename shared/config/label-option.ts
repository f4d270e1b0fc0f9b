import { z } from "zod";
import { issuesOf } from "../issues.ts";
import { labels } from "../labels.ts";
import { optionPairs } from "./options.ts";

/** Labels of a node as `KEY=VALUE` texts of a list option; none by default. */
export const labelPairs = z
  .array(z.string())
  .default([])
  .pipe(optionPairs("a label"))
  .refine((pairs) => labels().safeParse(pairs).success, { error: (issue) => whyNot(issue.input) });

function whyNot(pairs: unknown): string | undefined {
  const { error } = labels().safeParse(pairs);
  const [issue] = error ? issuesOf(error) : [];
  return issue && `${issue.path.join(".")}: ${issue.message}`;
}
