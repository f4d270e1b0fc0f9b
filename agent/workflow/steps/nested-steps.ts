import { data } from "@actions/expressions";
import { contextsOf } from "../expressions/evaluate.ts";
import type { Scope } from "../expressions/scope.ts";
import type { NestedSteps, PreparedAction, StepEnd } from "../job.ts";
import type { StepDefinition } from "../syntax/model.ts";
import { textsOf } from "./context-map.ts";
import { Level } from "./level.ts";
import type { LiveStep } from "./live-step.ts";
import { runScript } from "./run-script.ts";
import { runStep } from "./run-step.ts";
import { StepInstance, type StepPlan } from "./step-plan.ts";

/** Contexts of a job that a composite action does not have. */
const FOREIGN = ["secrets", "needs", "vars", "jobs"];

/** Runs one part of the steps of a composite action; see `StepState.runNested`. */
export async function runNested(outer: LiveStep, nested: NestedSteps): Promise<StepEnd & { scope: Scope }> {
  const { job } = outer;
  let failed = false;
  const status = () => (nested.part !== "main" ? job.status : failed ? "failure" : "success");
  const level = new Level(job.functions(status), status);
  const hidden = Object.fromEntries(FOREIGN.map((name) => [name, new data.Null()]));
  const contexts = { ...hidden, inputs: textsOf(Object.entries(nested.inputs)) };
  for (const definition of inOrder(nested)) {
    if (outer.cancel.aborted) break;
    const known = outer.plan.instance.nested.get(definition);
    const instance = known ?? new StepInstance(definition, definition.id ?? level.makeId(definition.uses));
    if (!known) outer.plan.instance.nested.set(definition, instance);
    const part = await partOf(instance, nested);
    if (!part) continue;
    const plan: StepPlan = {
      instance,
      level,
      kind: nested.part,
      part,
      contexts,
      outer,
      place: nested.action,
    };
    const conclusion = await runStep(job, plan);
    if (conclusion === "failure") failed = true;
  }
  const scope = {
    contexts: contextsOf({ ...scopeOf(outer), ...contexts, steps: level.steps }),
    functions: level.functions,
  };
  const outcome = outer.cancel.aborted ? "cancelled" : failed ? "failure" : "success";
  return { outcome, scope };
}

function scopeOf(outer: LiveStep): Record<string, data.ExpressionData> {
  return Object.fromEntries(
    outer
      .scope()
      .contexts.pairs()
      .map(({ key, value }) => [key, value]),
  );
}

function inOrder({ part, steps }: NestedSteps): readonly StepDefinition[] {
  return part === "post" ? [...steps].reverse() : steps;
}

/** What of a step belongs to this part; undefined: nothing. */
async function partOf(instance: StepInstance, nested: NestedSteps): Promise<StepPlan["part"] | undefined> {
  const { definition } = instance;
  if (definition.uses === undefined) {
    return nested.part === "main"
      ? { if: definition.if, run: (step) => runScript(step as LiveStep) }
      : undefined;
  }
  if (nested.part === "main") {
    return {
      if: definition.if,
      run: async (step) => (await prepared(instance, nested)).main.run(step),
    };
  }
  if (nested.part === "post") return instance.isStarted ? instance.prepared?.post : undefined;
  // A local action exists only when its step is reached.
  return isLocal(definition) ? undefined : (await prepared(instance, nested)).pre;
}

export function isLocal({ uses = "" }: StepDefinition): boolean {
  return uses.startsWith("./");
}

async function prepared(instance: StepInstance, nested: NestedSteps): Promise<PreparedAction> {
  instance.prepared ??= await nested.prepare(instance.definition);
  return instance.prepared;
}
