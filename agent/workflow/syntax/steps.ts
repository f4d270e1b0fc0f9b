import { handleTemplateTokenErrors } from "@actions/workflow-parser/model/converter/handle-errors";
import { IdBuilder } from "@actions/workflow-parser/model/converter/id-builder";
import { convertToIfCondition } from "@actions/workflow-parser/model/converter/if-condition";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { guess } from "./hints.ts";
import type { StepDefinition } from "./model.ts";
import { fieldsOf, itemsOf, mappingOf, type TemplateFile, textOfToken } from "./template.ts";

/** The steps of a job or of a composite action. */
export function stepsOf(token: TemplateToken | undefined, file: TemplateFile): StepDefinition[] {
  const ids = new IdBuilder();
  const known = new Set<string>();
  return itemsOf(token).map((step) => {
    const fields = fieldsOf(step);
    checkId(fields.get("id"), ids, file);
    for (const target of targetsOf(fields)) checkTarget(target, known, file);
    const id = textOfToken(fields.get("id"));
    if (id !== undefined) known.add(id.toLowerCase());
    return stepOf(fields, id, file);
  });
}

/** These and the steps of their parallel blocks. */
export function withParallel(steps: readonly StepDefinition[]): StepDefinition[] {
  return steps.flatMap((step) => [step, ...(step.parallel ?? [])]);
}

function stepOf(
  fields: Map<string, TemplateToken>,
  id: string | undefined,
  file: TemplateFile,
): StepDefinition {
  return {
    id,
    name: fields.get("name"),
    if: conditionOf(fields.get("if"), file),
    continueOnError: fields.get("continue-on-error"),
    timeoutMinutes: fields.get("timeout-minutes"),
    env: fields.get("env"),
    run: fields.get("run"),
    shell: fields.get("shell"),
    workingDirectory: fields.get("working-directory"),
    uses: textOfToken(fields.get("uses")),
    with: mappingOf(fields.get("with")),
    ...concurrencyOf(fields, file),
  };
}

/** What the step has to do with steps in the background. */
function concurrencyOf(fields: Map<string, TemplateToken>, file: TemplateFile): Partial<StepDefinition> {
  const parallel = fields.get("parallel");
  if (parallel !== undefined) {
    for (const step of itemsOf(parallel)) checkInParallel(step, file);
    return { parallel: stepsOf(parallel, file) };
  }
  const wait = fields.get("wait");
  if (wait !== undefined) return { wait: targetsOf(fields).map(String) };
  const waitAll = fields.get("wait-all");
  if (waitAll !== undefined) {
    if (textOfToken(waitAll) === "false")
      file.refuse(
        waitAll,
        "The value of 'wait-all' must be true or nothing",
        "Remove the value, or the step.",
      );
    return { waitAll: true };
  }
  const cancel = textOfToken(fields.get("cancel"));
  if (cancel !== undefined) return { cancel };
  return textOfToken(fields.get("background")) === "true" ? { background: true } : {};
}

function checkInParallel(step: TemplateToken, file: TemplateFile): void {
  for (const key of ["background", "wait", "wait-all", "cancel", "parallel"]) {
    if (!fieldsOf(step).has(key)) continue;
    file.report(
      `'${key}' is not allowed inside a parallel block`,
      step.range?.start,
      "Steps of a parallel block have run or uses: all of them run at the same time.",
    );
  }
}

function targetsOf(fields: Map<string, TemplateToken>): TemplateToken[] {
  const target = fields.get("wait") ?? fields.get("cancel");
  if (target === undefined) return [];
  return target.isScalar ? [target] : itemsOf(target);
}

function checkTarget(target: TemplateToken, known: ReadonlySet<string>, file: TemplateFile): void {
  const id = textOfToken(target) ?? "";
  if (id === "" || known.has(id.toLowerCase())) return;
  const ids = [...known];
  file.refuse(
    target,
    `Step references unknown step ID '${id}'`,
    `${guess(id, ids)}Ids of the steps before it: ${ids.join(", ") || "none"}.`,
  );
}

function checkId(id: TemplateToken | undefined, ids: IdBuilder, file: TemplateFile): void {
  const text = textOfToken(id);
  if (id === undefined || text === undefined || text === "") return;
  const why = ids.tryAddKnownId(text);
  if (why !== undefined)
    file.report(
      why,
      id.range?.start,
      "Use letters, digits, - and _, and a name that no other step here has.",
    );
}

/** The condition with a status function: GitHub adds success() to one that has none. */
export function conditionOf(token: TemplateToken | undefined, file: TemplateFile): string {
  if (token === undefined) return "success()";
  const converted = handleTemplateTokenErrors(token, file, undefined, () =>
    convertToIfCondition(file, token),
  );
  return converted?.expression ?? "success()";
}
