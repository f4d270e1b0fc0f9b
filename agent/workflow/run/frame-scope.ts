import { data } from "@actions/expressions";
import { contextsOf, toData } from "../expressions/evaluate.ts";
import type { Scope, Value } from "../expressions/scope.ts";
import type { JobDefinition } from "../syntax/model.ts";
import type { Frame, JobEnd, RunState } from "./run-state.ts";
import { statusFunctions } from "./status-functions.ts";

/** One combination of the matrix of a job; a job without a matrix has one, without values. */
export interface Leg {
  matrix: { [name: string]: Value } | undefined;
  /** What stands in its key: `build (1, a)` or `build`. */
  key: string;
  index: number;
  total: number;
  failFast: boolean;
  maxParallel: number;
}

/** What expressions of a job see before it runs: github, vars, inputs, needs; with a combination, strategy and matrix too. */
export function jobContexts(
  run: RunState,
  frame: Frame,
  job: JobDefinition,
  needs: ReadonlyMap<string, JobEnd>,
  leg?: Leg,
): Record<string, data.ExpressionData> {
  const contexts: Record<string, data.ExpressionData> = {
    github: githubData(run, { job: job.id }),
    vars: run.vars,
    inputs: frame.inputs,
    needs: needsData(needs),
  };
  if (!leg) return contexts;
  contexts.strategy = toData({
    "fail-fast": leg.failFast,
    "job-index": leg.index,
    "job-total": leg.total,
    "max-parallel": leg.maxParallel,
  });
  contexts.matrix = toData(leg.matrix ?? null);
  return contexts;
}

/** A scope for what is not a condition: status functions have no meaning there. */
export function scopeOf(contexts: Readonly<Record<string, data.ExpressionData>>): Scope {
  return {
    contexts: contextsOf(contexts),
    functions: statusFunctions({ cancelled: false, failed: false, succeeded: true }),
  };
}

const bases = new WeakMap<RunState, data.Dictionary>();

/** The `github` context with more in it. The event, which may be large, is converted only once. */
export function githubData(run: RunState, more: Readonly<Record<string, string>>): data.Dictionary {
  let base = bases.get(run);
  if (!base) {
    base = new data.Dictionary(
      ...Object.entries(run.github).map(([key, value]) => ({ key, value: toData(value) })),
    );
    bases.set(run, base);
  }
  const added = Object.entries(more).map(([key, value]) => ({ key, value: new data.StringData(value) }));
  return new data.Dictionary(...added, ...base.pairs());
}

function needsData(needs: ReadonlyMap<string, JobEnd>): data.ExpressionData {
  return toData(Object.fromEntries([...needs].map(([id, { result, outputs }]) => [id, { result, outputs }])));
}
