import { handleTemplateTokenErrors } from "@actions/workflow-parser/model/converter/handle-errors";
import { IdBuilder } from "@actions/workflow-parser/model/converter/id-builder";
import { convertToIfCondition } from "@actions/workflow-parser/model/converter/if-condition";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import type { StepDefinition } from "./model.ts";
import { fieldsOf, itemsOf, mappingOf, type TemplateFile, textOfToken } from "./template.ts";

/** The steps of a job or of a composite action. */
export function stepsOf(token: TemplateToken | undefined, file: TemplateFile): StepDefinition[] {
  const ids = new IdBuilder();
  return itemsOf(token).map((step) => stepOf(step, ids, file));
}

function stepOf(token: TemplateToken, ids: IdBuilder, file: TemplateFile): StepDefinition {
  const fields = fieldsOf(token);
  const id = fields.get("id");
  checkId(id, ids, file);
  return {
    id: textOfToken(id),
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
  };
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
