import type { data } from "@actions/expressions";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { textOf } from "../../../shared/text-of.ts";
import { evaluateToken } from "../expressions/evaluate.ts";
import type { Value } from "../expressions/scope.ts";
import type { JobDefinition } from "../syntax/model.ts";
import { fieldsOf } from "../syntax/template.ts";
import { type Leg, scopeOf } from "./frame-scope.ts";
import { type Combination, expandMatrix, isWanted, labelOf } from "./matrix.ts";
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
  const { matrix, ...fields } = valuesOf(job, contexts, frame);
  const told = fields["fail-fast"] ?? true;
  const failFast = told === true || told === "true";
  if (matrix === undefined) {
    const leg = { matrix: undefined, key, index: 0, total: 1, failFast, maxParallel: 1 };
    return { legs: [leg], failFast, maxParallel: 1 };
  }
  const total = matrix.length;
  const most = Number(fields["max-parallel"] ?? 0);
  const maxParallel = Number.isFinite(most) && most >= 1 ? Math.floor(most) : total;
  const legs = matrix.map((combination, index) => {
    const label = labelOf(combination);
    const own = label === "" ? key : `${key} (${label})`;
    return { matrix: combination, key: own, index, total, failFast, maxParallel };
  });
  makeUnique(legs);
  return { legs: legs.filter((leg) => isWanted(leg.matrix, wanted)), failFast, maxParallel };
}

interface Values {
  matrix?: Combination[] | undefined;
  [field: string]: Value | undefined;
}

/** The fields of the strategy, and the combinations of its matrix. */
function valuesOf(
  job: JobDefinition,
  contexts: Readonly<Record<string, data.ExpressionData>>,
  frame: Frame,
): Values {
  const { strategy } = job;
  if (strategy === undefined) return {};
  const scope = scopeOf(contexts);
  if (strategy.isExpression) {
    return said(job, strategy, frame, () => {
      const value = evaluateToken(strategy, scope);
      if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
      const { matrix, ...rest } = value;
      return matrix === undefined ? rest : { ...rest, matrix: expandMatrix(matrix) };
    });
  }
  const values: Values = {};
  for (const [name, token] of fieldsOf(strategy)) {
    said(job, token, frame, () => {
      const value = evaluateToken(token, scope);
      if (name === "matrix") values.matrix = expandMatrix(value);
      else values[name] = value;
    });
  }
  return values;
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

/** Combinations that look the same get a number. */
function makeUnique(legs: { key: string }[]): void {
  const seen = new Map<string, number>();
  for (const leg of legs) {
    const count = (seen.get(leg.key) ?? 0) + 1;
    seen.set(leg.key, count);
    if (count > 1) leg.key = `${leg.key} ${count}`;
  }
}
