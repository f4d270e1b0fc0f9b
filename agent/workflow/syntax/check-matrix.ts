import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { isMapping, isSequence } from "@actions/workflow-parser/templates/tokens/type-guards";
import { pairsOf, type TemplateFile } from "./template.ts";

/** GitHub's limit for the jobs of one matrix. */
const MAX_COMBINATIONS = 256;

/** Checks a matrix as far as it does not come from expressions. */
export function checkMatrix(matrix: TemplateToken, file: TemplateFile): void {
  if (!isMapping(matrix)) return;
  const vectors = pairsOf(matrix).filter(([name]) => name !== "include" && name !== "exclude");
  const include = pairsOf(matrix).find(([name]) => name === "include")?.[1];
  if (vectors.length === 0 && (include === undefined || (isSequence(include) && include.count === 0)))
    file.report(
      "The matrix has no values",
      matrix.range?.start,
      "Give it a list, such as os: [ubuntu-latest], or include.",
    );
  let combinations = 1;
  for (const [name, values] of vectors) {
    if (!isSequence(values)) continue;
    if (values.count === 0)
      file.report(`The list '${name}' of the matrix is empty`, values.range?.start, "Give it a value.");
    combinations *= Math.max(1, values.count);
  }
  const excludes = pairsOf(matrix).some(([name]) => name === "exclude");
  if (combinations > MAX_COMBINATIONS && !excludes)
    file.report(
      `The matrix makes ${combinations} jobs`,
      matrix.range?.start,
      `A matrix makes at most ${MAX_COMBINATIONS} jobs: shorten its lists or exclude some.`,
    );
}
