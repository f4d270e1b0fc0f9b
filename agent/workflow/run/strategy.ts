import type { data } from "@actions/expressions";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { textOf } from "../../../shared/text-of.ts";
import { evaluateToken } from "../expressions/evaluate.ts";
import type { JobDefinition } from "../syntax/model.ts";
import { fieldsOf } from "../syntax/template.ts";
import { type Leg, scopeOf } from "./frame-scope.ts";
import { expandMatrix, isWanted, labelOf } from "./matrix.ts";
import type { Frame } from "./run-state.ts";

export interface Strategy {
  legs: Leg[];
  failFast: boolean;
  maxParallel: number;
}

/** The combinations that a job runs with. `wanted`: only those with these values. Throws an Error in GitHub's words. */
export function strategyOf(
  job: JobDefinition,
  contexts: Readonly<Record<string, data.ExpressionData>>,
  frame: Frame,
  wanted: Readonly<Record<string, string[]>> = {},
): Strategy {
  const key = frame.prefix.key + job.id;
  const fields = fieldsOf(job.strategy);
  const matrix = fields.get("matrix");
  const of = (name: string) => evaluated(job, name, fields.get(name), contexts, frame);
  const failFast = of("fail-fast") ?? true;
  const told = Number(of("max-parallel") ?? 0);
  if (matrix === undefined) {
    const leg = { matrix: undefined, key, index: 0, total: 1, failFast: isTrue(failFast), maxParallel: 1 };
    return { legs: [leg], failFast: isTrue(failFast), maxParallel: 1 };
  }
  const scope = scopeOf(contexts);
  const combinations = said(job, matrix, frame, () => expandMatrix(evaluateToken(matrix, scope)));
  const total = combinations.length;
  const maxParallel = Number.isFinite(told) && told >= 1 ? Math.floor(told) : total;
  const legs = combinations.map((combination, index) => {
    const label = labelOf(combination);
    const own = label === "" ? key : `${key} (${label})`;
    return { matrix: combination, key: own, index, total, failFast: isTrue(failFast), maxParallel };
  });
  makeUnique(legs);
  return {
    legs: legs.filter((leg) => isWanted(leg.matrix, wanted)),
    failFast: isTrue(failFast),
    maxParallel,
  };
}

function evaluated(
  job: JobDefinition,
  name: string,
  token: TemplateToken | undefined,
  contexts: Readonly<Record<string, data.ExpressionData>>,
  frame: Frame,
) {
  return token && name !== "matrix"
    ? said(job, token, frame, () => evaluateToken(token, scopeOf(contexts)))
    : undefined;
}

/** Says where the error is. */
function said<T>(job: JobDefinition, token: TemplateToken, frame: Frame, evaluate: () => T): T {
  try {
    return evaluate();
  } catch (error) {
    const { line = 1, column = 1 } = token.range?.start ?? {};
    const place = `${frame.loaded.workflow.path} (Line: ${line}, Col: ${column})`;
    throw new Error(`Error when evaluating 'strategy' for job '${job.id}'. ${place}: ${textOf(error)}`);
  }
}

function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}

/** Combinations that look the same get a number. */
function makeUnique(legs: { key: string }[]): void {
  const seen = new Map<string, number>();
  for (const leg of legs) {
    const count = (seen.get(leg.key) ?? 0) + 1;
    seen.set(leg.key, count);
    if (count > 1) leg.key = `${leg.key} ${count}`;
  }
}
